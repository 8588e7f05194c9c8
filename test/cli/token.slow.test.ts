import { existsSync, readdirSync, readFileSync } from "node:fs";
import { describe, expect, it, vi } from "vitest";
import { readClaims } from "../../src/token/check-token.js";
import { cli } from "../support/cli.js";
import { startCommand } from "../support/run-node.js";
import { startTwoClouds } from "../support/two-clouds.js";
import { useDirectory } from "../support/use-directory.js";
import { withResolvers } from "../support/with-resolvers.js";

const path = useDirectory();
const watch = (name = "token") => ["token", "--watch", "--output-file", path(name)];
const msLeft = () => Number(readClaims(readFileSync(path("token"), "utf8"))?.exp) * 1_000 - Date.now();
const untilWritten = () => vi.waitFor(() => expect(existsSync(path("token"))).toBe(true), { timeout: 10_000 });

describe("token --watch", () => {
  it("replaces the token long before it ends, outlives failures, and ends cleanly", async () => {
    await using clouds = await startTwoClouds({}, { tokenLifetimeSeconds: 12 });
    const stopped = withResolvers();
    const done = cli(watch(), {}, { untilStopped: () => stopped.promise });
    await vi.waitFor(() => expect(clouds.metadata.issuedTokens).toHaveLength(1), { timeout: 5_000 });
    clouds.metadata.injectFault({ kind: "status", status: 403 }, { times: 1 });
    const lefts: number[] = [];
    await vi.waitFor(
      () => {
        lefts.push(msLeft());
        expect(clouds.metadata.issuedTokens).toHaveLength(3);
      },
      { timeout: 18_000, interval: 50 },
    );
    await vi.waitFor(() => expect(readFileSync(path("token"), "utf8")).toBe(clouds.metadata.issuedTokens.at(-1)));
    expect(Math.min(...lefts)).toBeGreaterThan(1_000);
    stopped.resolve();
    const { code, stdout, stderr } = await done;
    expect([code, stdout, readdirSync(path())]).toEqual([0, "", ["token"]]);
    expect(stderr).toMatch(/GOOGLE_PERMISSION_DENIED[\s\S]*Trying again in \d+ s\.\n$/);
  });

  it("waits for a metadata server that is not there yet, and ends at SIGTERM in the middle of a call", async () => {
    await using clouds = await startTwoClouds({}, { refuseForMs: 1_000 });
    await using program = startCommand(watch());
    await untilWritten();
    clouds.metadata.injectFault({ kind: "hang" });
    await using hanging = startCommand(watch("other"));
    await vi.waitFor(() => expect(clouds.metadata.requests.at(-1)?.status).toBe("hang"), { timeout: 5_000 });
    for (const one of [program, hanging]) {
      const start = performance.now();
      one.child.kill("SIGTERM");
      expect((await one.done).code).toBe(143);
      expect(performance.now() - start).toBeLessThan(1_000);
    }
    expect(readdirSync(path())).toEqual(["token"]);
  });

  it.runIf(existsSync("/usr/bin/faketime"))(
    "has a live token when the clock is two hours behind",
    async () => {
      await using clouds = await startTwoClouds({}, { tokenLifetimeSeconds: 20 });
      await using _ = startCommand(watch(), { under: ["faketime", "-f", "-2h"], limitMs: 40_000 });
      await untilWritten();
      const lefts: number[] = [];
      while (clouds.metadata.issuedTokens.length < 3) {
        lefts.push(msLeft());
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      expect(Math.min(...lefts)).toBeGreaterThan(5_000);
    },
    45_000,
  );
});
