import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { TestProject } from "vitest/node";
import { buildPackage } from "./build.js";

declare module "vitest" {
  interface ProvidedContext {
    /** The path of the packed package. */
    tarball: string;
  }
}

/** Builds and packs the package once for all files. A release sets PACKED_TARBALL: the tarball that it will publish. */
export function setup({ provide }: TestProject): () => void {
  buildPackage();
  const directory = mkdtempSync(join(tmpdir(), "packed-"));
  const { PACKED_TARBALL: packed } = process.env;
  provide("tarball", packed === undefined ? pack(directory) : resolve(packed));
  return () => rmSync(directory, { recursive: true });
}

function pack(directory: string): string {
  const args = ["pack", "--ignore-scripts", "--silent", "--pack-destination", directory];
  return join(directory, execFileSync("npm", args, { encoding: "utf8" }).trim());
}
