import { describe, expect, it, vi } from "vitest";
import { latenessOf } from "../support/lateness.js";
import { failureOf, provide } from "../support/provide.js";
import { startTwoClouds } from "../support/two-clouds.js";

const EXPIRED = { kind: "error", code: "ExpiredTokenException", message: "Token expired" } as const;

describe("a token that STS refuses as expired", () => {
  it("is never sent again when the metadata server keeps giving it; the next other token is", async () => {
    await using clouds = await startTwoClouds();
    const old = clouds.metadata.mintIdToken({ jti: "old" });
    clouds.metadata.injectFault({ kind: "garbage", body: old }, { times: 4 });
    clouds.sts.injectFault(EXPIRED, { times: 1 });
    await expect(provide()()).resolves.toBeDefined();
    expect(clouds.metadata.identityRequests()).toHaveLength(5);
    expect(clouds.sts.requests.map(({ error }) => error)).toEqual(["ExpiredTokenException", undefined]);
  });

  it("ends in STS_EXPIRED_TOKEN when no other token comes in time, and later requests do not send it either", async () => {
    await using clouds = await startTwoClouds();
    const old = clouds.metadata.mintIdToken({ jti: "old" });
    clouds.metadata.injectFault({ kind: "garbage", body: old });
    clouds.sts.injectFault(EXPIRED);
    const provider = provide({ timeoutMs: 2_500 });
    const failure = failureOf(provider);
    expect(await latenessOf(2_500, failure)).toBeLessThan(700);
    expect(await failure).toMatchObject({
      code: "STS_EXPIRED_TOKEN",
      message: expect.stringContaining("the source of tokens still gives the token that STS has refused"),
    });
    const asked = clouds.metadata.identityRequests().length;
    await vi.waitFor(
      async () => {
        expect(await failureOf(provider)).toMatchObject({ code: "STS_EXPIRED_TOKEN" });
        expect(clouds.metadata.identityRequests().length).toBeGreaterThan(asked);
      },
      { timeout: 10_000, interval: 200 },
    );
    expect(clouds.sts.requests).toHaveLength(1);
    clouds.metadata.clearFaults();
    clouds.sts.clearFaults();
    await vi.waitFor(() => provider(), { timeout: 12_000, interval: 200 });
  });
});
