import { spawnSync } from "node:child_process";
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { describe, expect, it, vi } from "vitest";
import { startCommand } from "../support/run-node.js";
import { startTwoClouds } from "../support/two-clouds.js";
import { useDirectory } from "../support/use-directory.js";

const hasMounts = spawnSync("unshare", ["--mount", "true"]).status === 0;
const path = useDirectory();
const watch = (name: string) => ["token", "--watch", "--output-file", path(name)];
const untilWritten = (timeout: number) =>
  vi.waitFor(() => expect(existsSync(path("token"))).toBe(true), { timeout, interval: 200 });

describe("token --watch", () => {
  it.runIf(hasMounts)("fails, and says what to mount, when its file is a mount", async () => {
    for (const name of ["to ken", "source"]) writeFileSync(path(name), "old");
    const mount = `mount --bind '${path("source")}' '${path("to ken")}' && exec "$0" "$@"`;
    await using program = startCommand(watch("to ken"), {
      under: ["unshare", "--mount", "sh", "-c", mount],
    });
    const reason = "it is a mount of its own, which nothing can replace. Mount the directory";
    const stderr = `gke-aws-credentials: ${path("to ken")} cannot be written: ${reason}\n`;
    expect(await program.done).toMatchObject({ code: 1, stderr });
  });

  it("writes its file again within 30 s when somebody has removed it", async () => {
    await using clouds = await startTwoClouds();
    await using _ = startCommand(watch("token"), { limitMs: 45_000 });
    await untilWritten(10_000);
    rmSync(path("token"));
    await untilWritten(31_000);
    expect(clouds.metadata.issuedTokens).toHaveLength(2);
  }, 45_000);
});
