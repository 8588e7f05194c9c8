import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { readClaims as readIdTokenClaims } from "../../src/token/check-token.js";
import { cli } from "../support/cli.js";
import { startProgram } from "../support/run-node.js";
import { startTwoClouds } from "../support/two-clouds.js";
import { withResolvers } from "../support/with-resolvers.js";

let directory: string;
let file: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "token-"));
  file = join(directory, "token");
});
afterEach(() => rm(directory, { recursive: true }));

const expiryIn = async (path: string) =>
  Number(readIdTokenClaims(await readFile(path, "utf8"))?.exp) * 1_000 - Date.now();

describe("token --watch", () => {
  it("replaces the token long before it ends, outlives failures, and ends cleanly", async () => {
    await using clouds = await startTwoClouds({}, { tokenLifetimeSeconds: 12 });
    const stopped = withResolvers();
    const done = cli(["token", "--watch", "--output-file", file], {}, { untilStopped: () => stopped.promise });
    await vi.waitFor(() => expect(clouds.metadata.issuedTokens).toHaveLength(1), { timeout: 5_000 });
    clouds.metadata.injectFault({ kind: "status", status: 403 }, { times: 1 });
    const lefts: number[] = [];
    await vi.waitFor(
      async () => {
        lefts.push(await expiryIn(file));
        expect(clouds.metadata.issuedTokens).toHaveLength(3);
      },
      { timeout: 18_000, interval: 50 },
    );
    await vi.waitFor(async () => expect(await readFile(file, "utf8")).toBe(clouds.metadata.issuedTokens.at(-1)));
    expect(Math.min(...lefts)).toBeGreaterThan(1_000);
    stopped.resolve();
    const { code, stdout, stderr } = await done;
    expect([code, stdout, await readdir(directory)]).toEqual([0, "", ["token"]]);
    expect(stderr).toMatch(/GOOGLE_PERMISSION_DENIED[\s\S]*Trying again in \d+ s\.\n$/);
  });

  it("waits for a metadata server that is not there yet, and ends at SIGTERM in the middle of a call", async () => {
    await using clouds = await startTwoClouds({}, { refuseForMs: 1_000 });
    await using program = startProgram(["dist/cli.cjs", "token", "--watch", "--output-file", file]);
    await vi.waitFor(async () => expect(await readdir(directory)).toEqual(["token"]), { timeout: 10_000 });
    clouds.metadata.injectFault({ kind: "hang" });
    await using hanging = startProgram(["dist/cli.cjs", "token", "--watch", "--output-file", join(directory, "other")]);
    await vi.waitFor(() => expect(clouds.metadata.requests.at(-1)?.status).toBe("hang"), { timeout: 5_000 });
    for (const one of [program, hanging]) {
      const start = performance.now();
      one.child.kill("SIGTERM");
      expect((await one.done).code).toBe(143);
      expect(performance.now() - start).toBeLessThan(1_000);
    }
    expect(await readdir(directory)).toEqual(["token"]);
  });

  it.runIf(existsSync("/usr/bin/faketime"))(
    "has a live token when the clock is two hours behind",
    async () => {
      await using clouds = await startTwoClouds({}, { tokenLifetimeSeconds: 20 });
      const args = ["-f", "-2h", process.execPath, "dist/cli.cjs", "token", "--watch", "--output-file", file];
      const child = spawn("faketime", args, { env: process.env, detached: true });
      await vi.waitFor(() => expect(existsSync(file)).toBe(true), { timeout: 10_000 });
      const lefts: number[] = [];
      while (clouds.metadata.issuedTokens.length < 3) {
        lefts.push(await expiryIn(file));
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      expect(Math.min(...lefts)).toBeGreaterThan(5_000);
      process.kill(-child.pid!, "SIGKILL");
    },
    45_000,
  );
});
