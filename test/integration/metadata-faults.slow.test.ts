import { describe, expect, it, vi } from "vitest";
import { failureOf, provide } from "../support/provide.js";
import { startTwoClouds } from "../support/two-clouds.js";

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
    const start = performance.now();
    expect(await failureOf(provide({ timeoutMs: 1_500 }))).toMatchObject({
      code: "METADATA_UNAVAILABLE",
      message: expect.stringContaining("ECONNREFUSED"),
    });
    expect(performance.now() - start).toBeLessThan(1_650);
  });

  it("that hangs is cut off inside the time limit, connection and all", async () => {
    await using clouds = await startTwoClouds();
    clouds.metadata.injectFault({ kind: "hang" });
    const start = performance.now();
    expect(await failureOf(provide({ timeoutMs: 1_000 }))).toMatchObject({ code: "METADATA_TIMEOUT" });
    expect(performance.now() - start).toBeLessThan(1_100);
    await vi.waitFor(() => expect(clouds.metadata.openConnections()).toBe(0));
    expect(clouds.metadata.requests).toHaveLength(1);
  });
});
