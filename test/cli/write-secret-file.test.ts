import { execFileSync, spawnSync } from "node:child_process";
import {
  chmod,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { Worker } from "node:worker_threads";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
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
    await writeSecretFile(path, "first");
    await writeSecretFile(path, "second");
    expect([await readFile(path, "utf8"), await modeOf(path), await readdir(directory)]).toEqual([
      "second",
      0o600,
      ["token"],
    ]);
  });

  it("has the mode that was asked for, whatever the umask", async () => {
    const before = process.umask(0o077);
    await writeSecretFile(join(directory, "token"), "x", 0o644);
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
    await expect(writeSecretFile(path, "x")).rejects.toThrow(message);
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
    await expect(writeSecretFile(path, "x")).rejects.toThrow(message);
    expect((await lstat(path)).ino).toBe(before.ino);
    expect(await readdir(directory)).toEqual(["token"]);
  });

  // Only root can make a device. Those of /dev are left out of this: a fault in the code would replace them.
  it.runIf(process.getuid?.() === 0)("refuses a device, and leaves it as it is", async () => {
    const path = join(directory, "null");
    execFileSync("mknod", [path, "c", "1", "3"]);
    await expect(writeSecretFile(path, "x")).rejects.toThrow(`${path} cannot be written: it is not a regular file`);
    expect((await lstat(path)).isCharacterDevice()).toBe(true);
  });

  it("refuses /proc/self/fd/1", async () => {
    await expect(writeSecretFile("/proc/self/fd/1", "x")).rejects.toThrow("/proc/self/fd/1 cannot be written: it is ");
  });

  it("removes what a killed run left behind, and nothing else", async () => {
    const ended = spawnSync("true").pid;
    const uuid = "0b5c2f4e-0000-4000-8000-000000000000";
    const others = ["token.tmp", `other.${ended}.${uuid}.tmp`, `token.${process.ppid}.${uuid}.tmp`];
    for (const name of [...others, `token.${ended}.${uuid}.tmp`, `token.${process.pid}.${uuid}.tmp`])
      await writeFile(join(directory, name), "old");
    await writeSecretFile(join(directory, "token"), "new");
    expect((await readdir(directory)).sort()).toEqual([...others, "token"].sort());
  });

  it("removes the temporary file of a process that runs when that file is older than a minute", async () => {
    const temporary = join(directory, `token.${process.ppid}.0b5c2f4e-0000-4000-8000-000000000000.tmp`);
    await writeFile(temporary, "old");
    const twoMinutesAgo = new Date(Date.now() - 120_000);
    await utimes(temporary, twoMinutesAgo, twoMinutesAgo);
    await writeSecretFile(join(directory, "token"), "new");
    expect(await readdir(directory)).toEqual(["token"]);
  });

  it("leaves the temporary file of another user's process, which may not be asked whether it runs", async () => {
    vi.spyOn(process, "kill").mockImplementation(() => {
      throw Object.assign(new Error("kill EPERM"), { code: "EPERM" });
    });
    const name = `token.${process.ppid}.0b5c2f4e-0000-4000-8000-000000000000.tmp`;
    await writeFile(join(directory, name), "new");
    await writeSecretFile(join(directory, "token"), "new");
    expect((await readdir(directory)).sort()).toEqual(["token", name]);
  });

  it("is written also when another process takes its temporary file away", async () => {
    const path = join(directory, "token");
    // Ends when it has removed one file that was not renamed yet.
    const taken = onTemporaryFile("rmSync(temporary);");
    while (!taken.isDone()) await writeSecretFile(path, "x");
    await writeSecretFile(path, "last");
    expect([await readFile(path, "utf8"), await readdir(directory)]).toEqual(["last", ["token"]]);
  });

  it("leaves no temporary file behind when it cannot be put into its place", async () => {
    const path = join(directory, "token");
    const blocked = onTemporaryFile("mkdirSync(path);", { path });
    let failure: unknown;
    for (let isDone = false; failure === undefined && !isDone; ) {
      isDone = blocked.isDone();
      if (!isDone) await rm(path, { force: true });
      failure = await writeSecretFile(path, "x").then(
        () => undefined,
        (error: unknown) => error,
      );
    }
    expect(String(failure)).toContain(`${path} cannot be written: `);
    expect(await readdir(directory)).toEqual(["token"]);
  });

  it("is removed at the end while it is one's own, and left when somebody has replaced it", async () => {
    const path = join(directory, "token");
    const first = await writeSecretFile(path, "first");
    const second = await writeSecretFile(path, "second");
    first.remove();
    expect(await readFile(path, "utf8")).toBe("second");
    second.remove();
    expect(await readdir(directory)).toEqual([]);
    second.remove();
  });

  it("tells its absolute path", async () => {
    const path = relative(process.cwd(), join(directory, "token"));
    expect((await writeSecretFile(path, "x")).path).toBe(join(directory, "token"));
  });

  it("in a read-only directory fails by its name", async () => {
    await chmod(directory, 0o500);
    const outcome = writeSecretFile(join(directory, "token"), "x");
    // Root may write anywhere.
    await (process.getuid?.() === 0 ? outcome : expect(outcome).rejects.toThrow(/EACCES/));
    await chmod(directory, 0o700);
  });

  it("is never seen half written by a reader that races it ten thousand times", async () => {
    const path = join(directory, "token");
    const texts = [1, 2, 3].map((digit) => String(digit).repeat(digit * 40_000));
    await writeSecretFile(path, texts[0]!);
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
    for (let turn = 0; seen === undefined; turn += 1) await writeSecretFile(path, texts[turn % 3]!);
    expect(seen.torn).toBeUndefined();
    expect(Object.keys(seen).length).toBeGreaterThan(1);
    expect(Object.values(seen).reduce((sum, count) => sum + count)).toBe(10_000);
  });
});
