import { execFile } from "node:child_process";
import { copyFile, cp, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { blocksOf } from "../support/markdown.js";

const run = promisify(execFile);

export const PAGE = "docs/how-to/libraries.md";
const MORE = "test/libraries/more";
const EXAMPLES = ["bedrock", "databases", "kafka"];
/** What the files need beside the packages that they import: tools, types, and packages that a library wants beside it. */
const OTHERS = ["typescript", "@types/node", "@types/pg", "@types/multer-s3", "@types/nodemailer"];
const PEERS = ["winston", "@aws-sdk/s3-request-presigner", "reflect-metadata"];
/** Compiled, and not run. */
export const TYPES_ALONE = "types-alone.ts";
/** Left out of the table. */
const HELPERS = ["@aws-crypto/sha256-js", "axios"];

/** The packages that a file imports. */
const packagesIn = (code: string): readonly string[] =>
  [...code.matchAll(/ from "((?:@[^/"]+\/)?[^./"][^/"]*)/g)]
    .map(([, name = ""]) => name)
    .filter((name) => name !== "gke-aws-credentials" && !name.startsWith("node:"));

/** A project with the newest releases of all libraries, and the page's snippets as its files. */
export interface Project {
  /** The code of the snippets, by their files. */
  readonly files: ReadonlyMap<string, string>;
  readonly versionOf: (name: string) => Promise<string>;
  /** Compiles all files and examples as a strict project does, and gives what the compiler complains of. */
  readonly compile: (moduleResolution: "nodenext" | "bundler") => Promise<string>;
}

export async function makeProject(directory: string, tarball: string): Promise<Project> {
  const files = new Map(blocksOf(PAGE).flatMap(({ label, code }) => (label?.endsWith(".ts") ? [[label, code]] : [])));
  for (const file of await readdir(MORE)) files.set(file, await readFile(join(MORE, file), "utf8"));
  await mkdir(join(directory, "snippets"), { recursive: true });
  await writeFile(join(directory, "package.json"), '{ "name": "app", "private": true, "type": "module" }');
  for (const [file, code] of files) await writeFile(join(directory, "snippets", file), code);
  for (const name of EXAMPLES) await cp(join("examples", name), join(directory, "examples", name), { recursive: true });
  for (const file of ["uses.mjs", "to-loopback.mjs"]) await copyFile(`test/libraries/${file}`, join(directory, file));
  const names = new Set([...[...files.values()].flatMap(packagesIn), ...OTHERS, ...PEERS]);
  // The newest releases do not all admit each other as peers, of which most are optional.
  const flags = ["--force", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"];
  const packages = [...names].map((name) => `${name}@latest`);
  await run("npm", ["install", ...flags, tarball, ...packages], { cwd: directory, timeout: 240_000 });
  return {
    files,
    versionOf: async (name) =>
      JSON.parse(await readFile(join(directory, "node_modules", name, "package.json"), "utf8")).version,
    compile: (moduleResolution) => compile(directory, [...files.keys()], moduleResolution),
  };
}

async function compile(directory: string, files: readonly string[], moduleResolution: string): Promise<string> {
  const module = moduleResolution === "bundler" ? "esnext" : moduleResolution;
  const strict = ["--strict", "--exactOptionalPropertyTypes", "--skipLibCheck", "--target", "es2022"];
  const options = [...strict, "--types", "node", "--module", module, "--moduleResolution", moduleResolution];
  const tsc = async (...args: string[]): Promise<string> =>
    run(process.execPath, [join("node_modules", "typescript", "bin", "tsc"), ...options, ...args], {
      cwd: directory,
    }).then(
      ({ stdout }) => stdout,
      ({ stdout }: { stdout: string }) => stdout,
    );
  const examples = await readdir(join(directory, "examples"), { recursive: true });
  const programs = examples.filter((name) => name.endsWith(".mjs")).map((name) => join("examples", name));
  return (
    (await tsc(...files.map((file) => join("snippets", file)))) +
    (await tsc("--allowJs", "--checkJs", "--noEmit", ...programs))
  );
}

/** The libraries that the snippets import, in the order of the page. */
export const libraries = ({ files }: Project): readonly string[] => {
  const used = [...files].filter(([file]) => file !== TYPES_ALONE).flatMap(([, code]) => packagesIn(code));
  return [...new Set(used)].filter((name) => !HELPERS.includes(name));
};
