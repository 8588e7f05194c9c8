import { mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createUnnamedFile } from "../../src/cli/unnamed-file.js";
import { openFiles } from "../support/open-files.js";

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "unnamed-"));
});
afterEach(() => rm(directory, { recursive: true }));

describe("a file without a name", () => {
  it("can be read by its owner alone, has no name, and is gone when it is closed", async () => {
    const { path, close } = await createUnnamedFile("secret", directory);
    expect([await readFile(path, "utf8"), (await stat(path)).mode & 0o777]).toEqual(["secret", 0o600]);
    expect(await readdir(directory)).toEqual([]);
    await close();
    await expect(readFile(path)).rejects.toThrow();
    expect(await openFiles(directory)).toEqual([]);
  });

  it("is refused, and leaves nothing, when no other process could open it", async () => {
    const { pid } = process;
    Object.defineProperty(process, "pid", { value: 2 ** 30 });
    try {
      await expect(createUnnamedFile("secret", directory)).rejects.toThrow(/ENOENT.*\/proc\/1073741824/);
    } finally {
      Object.defineProperty(process, "pid", { value: pid });
    }
    expect([await readdir(directory), await openFiles(directory)]).toEqual([[], []]);
  });
});
