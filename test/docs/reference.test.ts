import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { expect, it } from "vitest";

const TYPEDOC = resolve("node_modules/typedoc/bin/typedoc");
const run = promisify(execFile);

async function filesOf(directory: string): Promise<Record<string, string>> {
  const names = (await readdir(directory, { recursive: true })).filter((name) => name.endsWith(".md")).sort();
  return Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, await readFile(join(directory, name), "utf8")] as const)),
  );
}

it("the API reference is what typedoc makes of the source, which it warns of nothing in", async () => {
  const out = await mkdtemp(join(tmpdir(), "reference-"));
  // Every warning is an error there, an undocumented member among them.
  const { stdout, stderr } = await run(process.execPath, [TYPEDOC, "--out", out]);
  expect(`${stdout}${stderr}`).not.toMatch(/warning|error/i);
  expect(await filesOf("docs/reference")).toEqual(await filesOf(out));
  await rm(out, { recursive: true });
});

it("typedoc refuses a public member without a description", async () => {
  const directory = await mkdtemp(join(tmpdir(), "undocumented-"));
  const entry = join(directory, "index.ts");
  await writeFile(entry, "/** Described. */\nexport interface Described {\n  undescribed: string;\n}\n");
  const tsconfig = join(directory, "tsconfig.json");
  await writeFile(tsconfig, JSON.stringify({ compilerOptions: { types: [] }, include: ["index.ts"] }));
  const flags = ["--entryPoints", entry, "--tsconfig", tsconfig, "--out", join(directory, "out")];
  const failure = await run(process.execPath, [TYPEDOC, ...flags]).catch(
    (error: { stdout: string; stderr: string }) => error,
  );
  expect(`${failure.stdout}${failure.stderr}`).toMatch(/undescribed.*does not have any documentation/);
  expect(failure).toBeInstanceOf(Error);
  await rm(directory, { recursive: true });
});
