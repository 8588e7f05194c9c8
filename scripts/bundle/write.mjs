#!/usr/bin/env node
// Writes what must lie beside a bundle: `node scripts/bundle/write.mjs METAFILE FOLDER` reads esbuild's metafile of the
// command's bundle, and writes the licences of what is bundled, and the list (CycloneDX) of what users get.
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { bundledFolders, licencesPage, licenceTextOf } from "./licences.mjs";
import { sbomOf } from "./sbom.mjs";

const [metafile, folder] = process.argv.slice(2);
if (!metafile || !folder) throw new Error("usage: write.mjs METAFILE FOLDER");
/** @param {string} path */
const readJson = (path) => JSON.parse(readFileSync(path, "utf8"));

const bundled = await Promise.all(
  bundledFolders(readJson(metafile)).map(async (directory) => {
    const { name, version, license } = readJson(join(directory, "package.json"));
    return { name, version, license, text: await licenceTextOf(directory) };
  }),
);
writeFileSync(join(folder, "THIRD-PARTY-LICENSES.txt"), licencesPage(bundled));

/** @type {Record<string, { name?: string, version: string, dev?: boolean }>} */
const locked = readJson("package-lock.json").packages;
const installed = Object.entries(locked).flatMap(([path, { name, version, dev }]) =>
  path === "" || dev ? [] : [`${name ?? path.replace(/^.*node_modules\//, "")}@${version}`],
);
const whole = execFileSync("npm", ["sbom", "--package-lock-only", "--sbom-format", "cyclonedx"], {
  encoding: "utf8",
  maxBuffer: 1e8,
});
const { name } = readJson("package.json");
const sbom = sbomOf(JSON.parse(whole), {
  name,
  installed,
  bundled: bundled.map((one) => `${one.name}@${one.version}`),
});
writeFileSync(join(folder, "sbom.cdx.json"), `${JSON.stringify(sbom, undefined, 1)}\n`);
