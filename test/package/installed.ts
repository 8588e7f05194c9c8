import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative, resolve } from "node:path";
import { promisify } from "node:util";
import { inject } from "vitest";
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

const filesBelow = async (folder: string): Promise<string[]> =>
  (await readdir(folder, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)));

/**
 * Puts the tarball into an empty project. The dependencies are linked from this repository's own node_modules in place of
 * a second download.
 */
export async function installPackage(): Promise<InstalledPackage> {
  const directory = await mkdtemp(join(tmpdir(), "gke-aws-credentials-"));
  const modules = join(directory, "node_modules");
  await mkdir(modules);
  await run("tar", ["-xzf", inject("tarball"), "-C", directory]);
  await rename(join(directory, "package"), join(modules, "gke-aws-credentials"));
  for (const dependency of ["@aws-sdk", "@smithy", "@types", "google-auth-library", "https-proxy-agent"]) {
    await symlink(resolve("node_modules", dependency), join(modules, dependency));
  }
  await writeFile(join(directory, "package.json"), '{ "name": "app", "private": true }');
  return {
    directory,
    files: await filesBelow(join(modules, "gke-aws-credentials")),
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
