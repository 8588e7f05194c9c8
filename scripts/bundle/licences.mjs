import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

/** A README's section about the licence, with its heading. */
const LICENCE_SECTION = /^(?:#+ *licen[cs]e\b.*|licen[cs]e *\n[-=]+)$[\s\S]*/im;

/**
 * The folders of the packages of which code is in the bundles, from esbuild's metafile.
 *
 * @param {{ outputs: Record<string, { inputs: Record<string, { bytesInOutput: number }> }> }} metafile
 */
export function bundledFolders({ outputs }) {
  const files = Object.values(outputs).flatMap(({ inputs }) =>
    Object.keys(inputs).filter((file) => (inputs[file]?.bytesInOutput ?? 0) > 0),
  );
  const folders = files.flatMap((file) => file.match(/^.*node_modules\/(?:@[^/]+\/)?[^/]+/)?.[0] ?? []);
  return [...new Set(folders)].sort();
}

/**
 * The licence and notice texts of a package: its own files, else the section of its README.
 *
 * @param {string} folder
 */
export async function licenceTextOf(folder) {
  const files = (await readdir(folder)).sort();
  const own = files.filter((file) => /^(licen[cs]e|copying|notice)(?!.*\.[cm]?[jt]s$)/i.test(file));
  const texts = await Promise.all(own.map((file) => readFile(join(folder, file), "utf8")));
  if (texts.length > 0) return texts.map((text) => text.trim()).join("\n\n");
  const readme = files.find((file) => /^readme/i.test(file));
  const section = readme && LICENCE_SECTION.exec(await readFile(join(folder, readme), "utf8"))?.[0];
  if (section) return section.trim();
  throw new Error(
    `${folder} has no licence text, in a file of its own or in its README. It must not be bundled without.`,
  );
}

/**
 * One text for all of them. Packages with the same text share it.
 *
 * @param {readonly { name: string, version: string, license: string, text: string }[]} packages
 */
export function licencesPage(packages) {
  /** @type {Map<string, string[]>} */
  const sharedBy = new Map();
  for (const { name, version, license, text } of packages)
    sharedBy.set(text, [...(sharedBy.get(text) ?? []), `${name} ${version} (${license})`]);
  const parts = [...sharedBy].map(([text, names]) => `${names.join("\n")}\n\n${text}\n`);
  return `The command, dist/cli.cjs and what it loads, has code of these packages in it.\n\n${parts.join(`\n${"-".repeat(80)}\n\n`)}`;
}
