/** Code, in which nothing is a link; or a relative target after `](` or `[name]: `. */
const CODE_OR_TARGET = /^( *)(`{3,})[\s\S]*?^\1\2$|`[^`\n]*`|(\]\(|^\[[^\]\n]+\]: )(?![a-z][a-z+.-]*:|#)([^)\s]+)/gim;
const IMAGE = /\.(?:gif|jpe?g|png|svg|webp)$/i;

/**
 * A page of the repository's root, with links that lead from anywhere to the repository's files of one tag. Links within the
 * page and to other sites stay as they are.
 *
 * @param {string} markdown
 * @param {string} address - The repository's.
 * @param {string} tag
 */
export const withAbsoluteLinks = (markdown, address, tag) =>
  markdown.replace(CODE_OR_TARGET, (whole, _indent, _fence, before, target) =>
    target === undefined
      ? whole
      : `${before}${address}/${IMAGE.test(target) ? "raw" : "blob"}/${tag}/${target.replace(/^\.\//, "")}`,
  );
