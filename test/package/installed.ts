import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { runNode } from "../support/run-node.js";

const run = promisify(execFile);

const STRICT = "--strict --exactOptionalPropertyTypes --noEmit --skipLibCheck --types node --target es2022".split(" ");

/** What an empty project has after `npm install` of the tarball: the package unpacked, its dependencies beside it. */
export interface InstalledPackage extends AsyncDisposable {
  readonly directory: string;
  /** Paths in the tarball. */
  readonly files: readonly string[];
  readonly write: (name: string, text: string) => Promise<string>;
  /** Compiles files as a strict TypeScript project would, and gives what the compiler complains of. */
  readonly compile: (
    files: readonly string[],
    moduleResolution: "node16" | "nodenext" | "bundler",
    flags?: readonly string[],
  ) => Promise<string>;
}

/**
 * Packs this package and puts the tarball into an empty project. The dependencies are linked from this repository's own
 * node_modules in place of a second download.
 */
export async function installPackage(): Promise<InstalledPackage> {
  const directory = await mkdtemp(join(tmpdir(), "gke-aws-credentials-"));
  const modules = join(directory, "node_modules");
  const { stdout } = await run("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", directory]);
  const packed: unknown = JSON.parse(stdout);
  const [{ filename, files }] = (Array.isArray(packed) ? packed : Object.values(packed as object)) as [
    { filename: string; files: { path: string }[] },
  ];
  await mkdir(modules);
  await run("tar", ["-xzf", join(directory, filename), "-C", directory]);
  await rename(join(directory, "package"), join(modules, "gke-aws-credentials"));
  for (const dependency of ["@aws-sdk", "@smithy", "@types", "google-auth-library", "https-proxy-agent"]) {
    await symlink(resolve("node_modules", dependency), join(modules, dependency));
  }
  await writeFile(join(directory, "package.json"), '{ "name": "app", "private": true }');
  return {
    directory,
    files: files.map(({ path }) => path),
    write: async (name, text) => {
      const path = join(directory, name);
      await mkdir(resolve(path, ".."), { recursive: true });
      await writeFile(path, text);
      return path;
    },
    compile: async (files, moduleResolution, more = []) => {
      const module = moduleResolution === "bundler" ? "esnext" : moduleResolution;
      const flags = [...STRICT, "--module", module, "--moduleResolution", moduleResolution, ...more];
      const tsc = [resolve("node_modules/typescript/bin/tsc"), ...flags, ...files];
      return (await runNode(tsc, { cwd: directory, limitMs: 60_000 })).stdout;
    },
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true }),
  };
}
