// npm run test:matrix: the tarball under runtimes, versions, bundlers and compilers, as a table in docs/compatibility.md.
// Names as arguments run only those, and leave the page as it is. Exits with 1 where something fails that the page says works.
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { builds } from "./builds.mjs";
import { nodes, others } from "./runtimes.mjs";
import { types } from "./types.mjs";
import { run } from "./workshop.mjs";

const PARTS = { nodes, others, builds, types };

const root = new URL("../../", import.meta.url).pathname;
const page = join(root, "docs/compatibility.md");
const names = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(PARTS);
const manifest = JSON.parse(await readFile(join(root, "package.json"), "utf8"));
const directory = await mkdtemp(join(tmpdir(), "matrix-"));
const tables = [];
try {
  await run("npm", ["pack", "--silent", "--ignore-scripts", "--pack-destination", directory], { cwd: root });
  const tarball = join(directory, `${manifest.name}-${manifest.version}.tgz`);
  for (const name of names) {
    const start = performance.now();
    const made = await PARTS[name](directory, tarball, manifest);
    console.error(`${name}: ${Math.round((performance.now() - start) / 1_000)} s`);
    for (const table of made) console.log(toMarkdown(table));
    tables.push(...made);
  }
} finally {
  await rm(directory, { recursive: true, force: true });
}

function toMarkdown({ title, columns, rows }) {
  const line = (cells) => `| ${cells.join(" | ")} |`;
  return `### ${title}\n\n${[line(columns), line(columns.map(() => "---")), ...grouped(rows).map(line)].join("\n")}\n`;
}

/** Rows that differ in their first cell alone become one row. */
function grouped(rows) {
  const groups = new Map();
  for (const [first, ...cells] of rows) {
    const key = JSON.stringify(cells);
    groups.set(key, [...(groups.get(key) ?? []), first]);
  }
  return [...groups].map(([key, names]) => [names.join("; "), ...JSON.parse(key)]);
}

const rows = tables.flatMap((table) => table.rows);
const failures = rows.filter((row) => row.some((cell) => cell.startsWith("fails")));
if (names.length === Object.keys(PARTS).length) {
  const [before = ""] = (await readFile(page, "utf8")).split("<!-- test:matrix -->");
  const day = new Date().toISOString().slice(0, 10);
  const text = `${before}<!-- test:matrix -->\n\nSeen on ${day}, linux x64.\n\n${tables.map(toMarkdown).join("\n")}`;
  await writeFile(page, text);
  await run("npx", ["biome", "format", "--write", page], { cwd: root });
}
console.log(`${rows.length - failures.length} passed, ${failures.length} failed`);
process.exitCode = failures.length > 0 ? 1 : 0;
