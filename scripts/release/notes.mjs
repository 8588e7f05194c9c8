/**
 * The section of CHANGELOG.md for one version, without its heading.
 *
 * @param {string} changelog
 * @param {string} version
 */
export function notesOf(changelog, version) {
  const sections = changelog.split(/^## /m).slice(1);
  const section = sections.find((text) => /^\[?([^\s\]]+)/.exec(text)?.[1] === version);
  // What the sections link to by reference stands at the end of the file.
  const notes = section
    ?.slice(section.indexOf("\n"))
    .replace(/^\[[^\]]+\]: .*$/gm, "")
    .trim();
  if (!notes) throw new Error(`CHANGELOG.md has no section for ${version}, or an empty one`);
  return `${notes}\n`;
}
