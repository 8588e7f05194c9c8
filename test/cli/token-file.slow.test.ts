import { spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { startTwoClouds } from "../support/two-clouds.js";

const hasMounts = spawnSync("unshare", ["--mount", "true"]).status === 0;

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "token-file-"));
});
afterEach(() => rm(directory, { recursive: true }));

describe("the file of token --watch", () => {
  it.runIf(hasMounts)("is refused at its start when the file is a mount, and says what to mount", async () => {
    const [path, source] = [join(directory, "to ken"), join(directory, "source")];
    for (const file of [path, source]) await writeFile(file, "old");
    const script = `mount --bind '${source}' '${path}' && exec ${process.execPath} dist/cli.cjs token --watch --output-file '${path}'`;
    const { status, stderr } = spawnSync("unshare", ["--mount", "sh", "-c", script], { encoding: "utf8" });
    const reason = "it is a mount of its own, which nothing can replace. Mount the directory";
    expect([status, stderr]).toEqual([1, `gke-aws-credentials: ${path} cannot be written: ${reason}\n`]);
  });

  it("has the file back within 30 s when somebody has removed it", async () => {
    await using clouds = await startTwoClouds();
    const file = join(directory, "token");
    const child = spawn(process.execPath, ["dist/cli.cjs", "token", "--watch", "--output-file", file], {
      env: process.env,
    });
    await vi.waitFor(() => expect(existsSync(file)).toBe(true), { timeout: 10_000 });
    await rm(file);
    await vi.waitFor(() => expect(existsSync(file)).toBe(true), { timeout: 33_000, interval: 200 });
    expect(clouds.metadata.issuedTokens).toHaveLength(2);
    child.kill();
  }, 45_000);
});
