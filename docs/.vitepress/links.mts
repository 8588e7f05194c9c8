import { readdirSync } from "node:fs";
import { dirname, join, normalize } from "node:path/posix";

/** Pages of the site that are made from Markdown outside of docs/: where it is, and the page's name. */
export const PROJECT_PAGES: Readonly<Record<string, string>> = {
  "CHANGELOG.md": "changelog",
  "CONTRIBUTING.md": "contributing",
  "SECURITY.md": "security-policy",
  "examples/README.md": "examples",
  "bench/RESULTS.md": "benchmarks",
};

/** The names of the examples, each of which has a page. */
export const examples: readonly string[] = readdirSync(join(import.meta.dirname, "../../examples"), {
  withFileTypes: true,
})
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);

/**
 * The site's address for a relative link in a file of the repository. The same link works where the repository is
 * browsed: what lies outside of docs/ there is a page of its own here.
 */
export function toSiteLink(href: string, file: string): string {
  if (/^([a-z]+:|#|\/)/.test(href)) return href;
  const [path = "", anchor] = href.split("#");
  const target = normalize(join(dirname(file), path)).replace(/\/$/, "");
  const suffix = anchor === undefined ? "" : `#${anchor}`;
  const page = PROJECT_PAGES[target];
  if (page) return `/project/${page}${suffix}`;
  if (target === "README.md") return "/";
  if (target.startsWith("docs/")) return `/${target.slice("docs/".length)}${suffix}`;
  const [, example] = /^examples\/([\w-]+)/.exec(target) ?? [];
  if (example) return `/examples/${example}`;
  throw new Error(`${file} links to ${href}, which the site does not have`);
}
