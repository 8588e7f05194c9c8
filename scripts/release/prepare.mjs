#!/usr/bin/env node
// Makes what a release publishes, from a finished build: `node scripts/release/prepare.mjs FOLDER` writes the tarball and
// its release notes there. In both, links lead to the repository that GITHUB_SERVER_URL and GITHUB_REPOSITORY name. The working
// tree stays as it is.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { withAbsoluteLinks } from "./links.mjs";
import { repositoryAddress, withRepository } from "./manifest.mjs";
import { notesOf } from "./notes.mjs";

const [folder] = process.argv.slice(2);
if (!folder) throw new Error("usage: prepare.mjs FOLDER");
const out = resolve(folder);
const work = mkdtempSync(join(tmpdir(), "release-"));

/** Packs a folder without running any script of its package.json, and gives the tarball's path. */
function pack(source, destination) {
  const args = ["pack", source, "--ignore-scripts", "--silent", "--pack-destination", destination];
  return join(destination, execFileSync("npm", args, { encoding: "utf8" }).trim());
}

try {
  mkdirSync(out, { recursive: true });
  execFileSync("tar", ["-xzf", pack(".", work), "-C", work]);
  const unpacked = join(work, "package");
  const address = repositoryAddress(process.env);
  const path = join(unpacked, "package.json");
  const manifest = JSON.parse(readFileSync(path, "utf8"));
  writeFileSync(path, `${JSON.stringify(withRepository(manifest, address), undefined, 2)}\n`);
  /** @param {string} markdown */
  const linked = (markdown) => withAbsoluteLinks(markdown, address, `v${manifest.version}`);
  const readme = join(unpacked, "README.md");
  writeFileSync(readme, linked(readFileSync(readme, "utf8")));
  writeFileSync(join(out, "notes.md"), linked(notesOf(readFileSync("CHANGELOG.md", "utf8"), manifest.version)));
  console.log(pack(unpacked, out));
} finally {
  rmSync(work, { recursive: true });
}
