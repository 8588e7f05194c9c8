import { execFileSync } from "node:child_process";
import { lstat, mkdir, readdir, readFile, rm, stat, symlink } from "node:fs/promises";
import { resolve } from "node:path";
import { Worker } from "node:worker_threads";
import { describe, expect, it } from "vitest";
import { writeSecretFile } from "../../src/cli/write-secret-file.js";
import { useDirectory } from "../support/use-directory.js";

const path = useDirectory();
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
    { eval: true, workerData: { directory: path(), state, ...data } },
  );
  return { isDone: () => Atomics.load(state, 0) === 1 };
}

const DEVICE: [string, string, string, (file: string) => unknown] = [
  "a device",
  "token",
  "it is not a regular file",
  (file) => execFileSync("mknod", [file, "c", "1", "3"]),
];

describe("a secret file", () => {
  it("is for its owner alone, holds the text as it is, and leaves nothing beside it", async () => {
    writeSecretFile(path("token"), "first");
    writeSecretFile(path("token"), "second");
    expect([await readFile(path("token"), "utf8"), await modeOf(path("token")), await readdir(path())]).toEqual([
      "second",
      0o600,
      ["token"],
    ]);
  });

  it("has the mode that was asked for, whatever the umask", async () => {
    const before = process.umask(0o077);
    writeSecretFile(path("token"), "x", 0o644);
    process.umask(before);
    expect(await modeOf(path("token"))).toBe(0o644);
  });

  it.each<[what: string, file: string, message: string, arrange?: (file: string) => unknown]>([
    ["a directory", "token", "it is a directory", (file) => mkdir(file)],
    ["in no directory", "nowhere/token", "ENOENT"],
    ["a symbolic link to a device", "token", "it is a symbolic link", (file) => symlink("/dev/null", file)],
    ["a symbolic link to a file", "token", "it is a symbolic link", (file) => symlink("/etc/hostname", file)],
    [
      "a link to stdout, as /dev/stdout is",
      "token",
      "it is a symbolic link",
      (file) => symlink("/proc/self/fd/1", file),
    ],
    ["stdout itself", "/proc/self/fd/1", "it is "],
    ["a named pipe", "token", "it is not a regular file", (file) => execFileSync("mkfifo", [file])],
    // Only root can make a device. Those of /dev are left out of this: a fault in the code would replace them.
    ...(process.getuid?.() === 0 ? [DEVICE] : []),
  ])("is refused by its name, and left as it is, when it is %s", async (_, name, message, arrange) => {
    const file = resolve(path(), name);
    await arrange?.(file);
    const look = () => Promise.all([readdir(path()), lstat(file).then(({ ino, mode }) => [ino, mode], String)]);
    const before = await look();
    expect(() => writeSecretFile(file, "x")).toThrow(`${file} cannot be written: ${message}`);
    expect(await look()).toEqual(before);
  });

  it("leaves no temporary file behind when it cannot be put into its place", async () => {
    const blocked = onTemporaryFile("mkdirSync(path);", { path: path("token") });
    let failure: unknown;
    for (let isDone = false; failure === undefined && !isDone; ) {
      isDone = blocked.isDone();
      if (!isDone) await rm(path("token"), { force: true });
      try {
        writeSecretFile(path("token"), "x");
      } catch (error) {
        failure = error;
      }
    }
    expect(String(failure)).toContain(`${path("token")} cannot be written: `);
    expect(await readdir(path())).toEqual(["token"]);
  });

  it("is removed at the end while it is one's own, and left when somebody has replaced it", async () => {
    const first = writeSecretFile(path("token"), "first");
    const second = writeSecretFile(path("token"), "second");
    first();
    expect(await readFile(path("token"), "utf8")).toBe("second");
    second();
    expect(await readdir(path())).toEqual([]);
    second();
  });

  it("is never seen half written by a reader that races it ten thousand times", async () => {
    const texts = [1, 2, 3].map((digit) => String(digit).repeat(digit * 40_000));
    writeSecretFile(path("token"), texts[0]!);
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
      { eval: true, workerData: { path: path("token"), times: 10_000 } },
    );
    let seen: Record<string, number> | undefined;
    reader.once("message", (message: Record<string, number>) => {
      seen = message;
    });
    for (let turn = 0; seen === undefined; turn += 1) {
      writeSecretFile(path("token"), texts[turn % 3]!);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(seen.torn).toBeUndefined();
    expect(Object.keys(seen).length).toBeGreaterThan(1);
    expect(Object.values(seen).reduce((sum, count) => sum + count)).toBe(10_000);
  });
});
