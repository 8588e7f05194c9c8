import { beforeAll, describe, expect, it, vi } from "vitest";
import { latenessOf } from "../support/lateness.js";
import { failureOf, provide } from "../support/provide.js";
import { startTwoClouds } from "../support/two-clouds.js";

// Loads the packages: the time limits below are those of a warm process.
beforeAll(async () => {
  await using _ = await startTwoClouds();
  await provide()();
});

describe("the metadata server", () => {
  it("that refuses connections for a pod's first five seconds is tried until it is there", async () => {
    await using _ = await startTwoClouds({}, { refuseForMs: 5_000 });
    const start = performance.now();
    await expect(provide()()).resolves.toBeDefined();
    expect(performance.now() - start).toBeGreaterThan(4_900);
  });

  it("that never listens fails with METADATA_UNAVAILABLE inside the time limit", async () => {
    await using clouds = await startTwoClouds();
    await clouds.metadata.refuseConnections();
    const failure = failureOf(provide({ timeoutMs: 1_500 }));
    expect(await latenessOf(1_500, failure)).toBeLessThan(300);
    expect(await failure).toMatchObject({
      code: "METADATA_UNAVAILABLE",
      message: expect.stringContaining("ECONNREFUSED"),
    });
  });

  it("that hangs is cut off inside the time limit, connection and all", async () => {
    await using clouds = await startTwoClouds();
    clouds.metadata.injectFault({ kind: "hang" });
    const failure = failureOf(provide({ timeoutMs: 1_000 }));
    expect(await latenessOf(1_000, failure)).toBeLessThan(300);
    expect(await failure).toMatchObject({ code: "METADATA_TIMEOUT" });
    await vi.waitFor(() => expect(clouds.metadata.openConnections()).toBe(0));
    expect(clouds.metadata.requests).toHaveLength(1);
  });
});
