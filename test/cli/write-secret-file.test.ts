import { execFileSync } from "node:child_process";
import { chmod, lstat, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { writeSecretFile } from "../../src/cli/write-secret-file.js";

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "secret-"));
});
afterEach(() => rm(directory, { recursive: true }));

const modeOf = async (path: string) => (await stat(path)).mode & 0o777;

/** Does something as soon as there is a temporary file in the directory, until it works once or 10 s are over. */
function onTemporaryFile(action: string, data: { readonly path?: string } = {}) {
  const state = new Int32Array(new SharedArrayBuffer(4));
  new Worker(
    `const { mkdirSync, readdirSync, rmSync } = require("node:fs");
     const { workerData: { directory, path, state } } = require("node:worker_threads");
     for (const end = Date.now() + 10000; Date.now() < end; ) {
       try {
         const name = readdirSync(directory).find((found) => found.endsWith(".tmp"));
         if (name === undefined) continue;
         const temporary = directory + "/" + name;
         ${action}
         break;
       } catch {}
     }
     Atomics.store(state, 0, 1);`,
    { eval: true, workerData: { directory, state, ...data } },
  );
  return { isDone: () => Atomics.load(state, 0) === 1 };
}

describe("a secret file", () => {
  it("is for its owner alone, holds the text as it is, and leaves nothing beside it", async () => {
    const path = join(directory, "token");
    writeSecretFile(path, "first");
    writeSecretFile(path, "second");
    expect([await readFile(path, "utf8"), await modeOf(path), await readdir(directory)]).toEqual([
      "second",
      0o600,
      ["token"],
    ]);
  });

  it("has the mode that was asked for, whatever the umask", async () => {
    const before = process.umask(0o077);
    writeSecretFile(join(directory, "token"), "x", 0o644);
    process.umask(before);
    expect(await modeOf(join(directory, "token"))).toBe(0o644);
  });

  it.each([
    ["a directory", async (path: string) => mkdir(path), /token cannot be written: it is a directory/],
    ["in a directory that is not there", undefined, /nowhere\/token cannot be written: ENOENT/],
  ])("that is %s fails by its name, and leaves nothing behind", async (_, arrange, message) => {
    const path = arrange ? join(directory, "token") : join(directory, "nowhere", "token");
    await arrange?.(path);
    const before = await readdir(directory);
    expect(() => writeSecretFile(path, "x")).toThrow(message);
    expect(await readdir(directory)).toEqual(before);
  });

  it.each([
    ["a symbolic link to a device", (path: string) => symlink("/dev/null", path), /it is a symbolic link/],
    ["a symbolic link to a file", (path: string) => symlink("/etc/hostname", path), /it is a symbolic link/],
    [
      "a symbolic link to stdout, as /dev/stdout is",
      (path: string) => symlink("/proc/self/fd/1", path),
      /symbolic link/,
    ],
    ["a named pipe", async (path: string) => void execFileSync("mkfifo", [path]), /it is not a regular file/],
  ])("refuses %s, and leaves it as it is", async (_, arrange, message) => {
    const path = join(directory, "token");
    await arrange(path);
    const before = await lstat(path);
    expect(() => writeSecretFile(path, "x")).toThrow(message);
    expect((await lstat(path)).ino).toBe(before.ino);
    expect(await readdir(directory)).toEqual(["token"]);
  });

  // Only root can make a device. Those of /dev are left out of this: a fault in the code would replace them.
  it.runIf(process.getuid?.() === 0)("refuses a device, and leaves it as it is", async () => {
    const path = join(directory, "null");
    execFileSync("mknod", [path, "c", "1", "3"]);
    expect(() => writeSecretFile(path, "x")).toThrow(`${path} cannot be written: it is not a regular file`);
    expect((await lstat(path)).isCharacterDevice()).toBe(true);
  });

  it("refuses /proc/self/fd/1", async () => {
    expect(() => writeSecretFile("/proc/self/fd/1", "x")).toThrow("/proc/self/fd/1 cannot be written: it is ");
  });

  it("leaves no temporary file behind when it cannot be put into its place", async () => {
    const path = join(directory, "token");
    const blocked = onTemporaryFile("mkdirSync(path);", { path });
    let failure: unknown;
    for (let isDone = false; failure === undefined && !isDone; ) {
      isDone = blocked.isDone();
      if (!isDone) await rm(path, { force: true });
      try {
        writeSecretFile(path, "x");
      } catch (error) {
        failure = error;
      }
    }
    expect(String(failure)).toContain(`${path} cannot be written: `);
    expect(await readdir(directory)).toEqual(["token"]);
  });

  it("is removed at the end while it is one's own, and left when somebody has replaced it", async () => {
    const path = join(directory, "token");
    const removeFirst = writeSecretFile(path, "first");
    const removeSecond = writeSecretFile(path, "second");
    removeFirst();
    expect(await readFile(path, "utf8")).toBe("second");
    removeSecond();
    expect(await readdir(directory)).toEqual([]);
    removeSecond();
  });

  it("in a read-only directory fails by its name", async () => {
    await chmod(directory, 0o500);
    const write = () => writeSecretFile(join(directory, "token"), "x");
    // Root may write anywhere.
    if (process.getuid?.() === 0) write();
    else expect(write).toThrow(/EACCES/);
    await chmod(directory, 0o700);
  });

  it("is never seen half written by a reader that races it ten thousand times", async () => {
    const path = join(directory, "token");
    const texts = [1, 2, 3].map((digit) => String(digit).repeat(digit * 40_000));
    writeSecretFile(path, texts[0]!);
    const reader = new Worker(
      `const { readFileSync } = require("node:fs");
       const { parentPort, workerData: { path, times } } = require("node:worker_threads");
       const seen = {};
       for (let i = 0; i < times; i += 1) {
         const text = readFileSync(path, "utf8");
         const digit = Number(text[0]);
         const key = text === String(digit).repeat(digit * 40000) ? digit : "torn";
         seen[key] = (seen[key] ?? 0) + 1;
       }
       parentPort.postMessage(seen);`,
      { eval: true, workerData: { path, times: 10_000 } },
    );
    let seen: Record<string, number> | undefined;
    reader.once("message", (message: Record<string, number>) => {
      seen = message;
    });
    for (let turn = 0; seen === undefined; turn += 1) {
      writeSecretFile(path, texts[turn % 3]!);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(seen.torn).toBeUndefined();
    expect(Object.keys(seen).length).toBeGreaterThan(1);
    expect(Object.values(seen).reduce((sum, count) => sum + count)).toBe(10_000);
  });
});
