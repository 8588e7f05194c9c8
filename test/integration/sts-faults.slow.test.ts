import { beforeAll, describe, expect, it, vi } from "vitest";
import { latenessOf } from "../support/lateness.js";
import { failureOf, provide, REGION } from "../support/provide.js";
import { startTwoClouds } from "../support/two-clouds.js";

// Loads the packages: the time limits below are those of a warm process.
beforeAll(async () => {
  await using _ = await startTwoClouds();
  await provide()();
});

describe("STS", () => {
  it("that hangs is cut off inside the time limit, connection and all", async () => {
    await using clouds = await startTwoClouds();
    clouds.sts.injectFault({ kind: "hang" });
    const failure = failureOf(provide({ timeoutMs: 1_000 }));
    expect(await latenessOf(1_000, failure)).toBeLessThan(300);
    expect(await failure).toMatchObject({ code: "STS_UNREACHABLE" });
    await vi.waitFor(() => expect(clouds.sts.openConnections()).toBe(0));
  });

  it("is given no longer than the user's own time limit for a request", async () => {
    await using clouds = await startTwoClouds();
    clouds.sts.injectFault({ kind: "hang" });
    const requestHandler = { requestTimeout: 200, throwOnRequestTimeout: true };
    const start = performance.now();
    const error = await failureOf(provide({ clientConfig: { region: REGION, requestHandler, maxAttempts: 1 } }));
    expect(error.code).toBe("STS_UNREACHABLE");
    expect(performance.now() - start).toBeLessThan(2_000);
  });
});

describe("an outage of STS while a session lives", () => {
  it("fails no request: all get the session that is there", async () => {
    await using clouds = await startTwoClouds({ sessionSeconds: 6 });
    // Bound to its own servers: its last refresh comes after the test, when the environment is another test's.
    const credentials = provide({
      idTokenProvider: { fetchIdToken: async (aud) => clouds.metadata.mintIdToken({ aud }) },
      clientConfig: { region: REGION, endpoint: clouds.sts.url, maxAttempts: 1 },
    });
    const first = await credentials();
    clouds.sts.injectFault({ kind: "status", status: 503 });
    const until = first.expiration.getTime() - 1_000;
    while (Date.now() < until) {
      expect(await credentials()).toBe(first);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    expect(clouds.sts.requests.length).toBeGreaterThan(1);
    clouds.sts.clearFaults();
    await vi.waitFor(async () => expect((await credentials()).accessKeyId).not.toBe(first.accessKeyId), {
      timeout: 5_000,
    });
  });
});
