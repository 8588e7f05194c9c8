import { mkdtemp, readdir, readFile, readlink, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createUnnamedFile } from "../../src/cli/unnamed-file.js";

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "unnamed-"));
});
afterEach(() => rm(directory, { recursive: true }));

/** The files of the directory that this process has open, whether they have a name or not. */
async function openFiles(): Promise<readonly string[]> {
  const files = await readdir("/proc/self/fd");
  const targets = await Promise.all(files.map((file) => readlink(`/proc/self/fd/${file}`).catch(() => "")));
  return targets.filter((target) => target.startsWith(directory));
}

describe("a file without a name", () => {
  it("can be read by its owner alone, has no name, and is gone when it is closed", async () => {
    const { path, close } = await createUnnamedFile("secret", directory);
    expect([await readFile(path, "utf8"), (await stat(path)).mode & 0o777]).toEqual(["secret", 0o600]);
    expect(await readdir(directory)).toEqual([]);
    await close();
    await expect(readFile(path)).rejects.toThrow();
    expect(await openFiles()).toEqual([]);
  });

  it("is refused, and leaves nothing, when no other process could open it", async () => {
    const { pid } = process;
    Object.defineProperty(process, "pid", { value: 2 ** 30 });
    try {
      await expect(createUnnamedFile("secret", directory)).rejects.toThrow(/ENOENT.*\/proc\/1073741824/);
    } finally {
      Object.defineProperty(process, "pid", { value: pid });
    }
    expect([await readdir(directory), await openFiles()]).toEqual([[], []]);
  });
});
