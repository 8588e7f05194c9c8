import { lookup } from "node:dns";
import { Agent } from "node:http";
import type { LookupFunction } from "node:net";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { startAwsSts } from "../../src/testing/index.js";
import { latenessOf } from "../support/lateness.js";
import { failureOf, provide, REGION, routeByRegion } from "../support/provide.js";
import { ROLE, startTwoClouds } from "../support/two-clouds.js";

// Loads the packages: the time limits below are those of a warm process.
beforeAll(async () => {
  await using _ = await startTwoClouds();
  await provide()();
});

const START_MS = 5_000;
const exchanges = ({ requests }: { requests: readonly { action?: string | undefined }[] }) =>
  requests.filter(({ action }) => action === "AssumeRoleWithWebIdentity").length;

describe("the first seconds of a pod", () => {
  it("end in a session as soon as STS is there when it refuses connections for five seconds", async () => {
    await using clouds = await startTwoClouds();
    await clouds.sts.refuseConnections();
    setTimeout(() => void clouds.sts.acceptConnections(), START_MS);
    expect(await latenessOf(START_MS, provide()())).toBeLessThan(2_500);
    expect(exchanges(clouds.sts)).toBe(1);
  });

  it("end in a session as soon as STS is there when its name does not resolve for five seconds", async () => {
    await using clouds = await startTwoClouds();
    const start = performance.now();
    const resolvesLater: LookupFunction = (name, options, callback) =>
      lookup(performance.now() - start < START_MS ? name : "127.0.0.1", options, callback);
    vi.stubEnv("AWS_ENDPOINT_URL_STS", clouds.sts.url.replace("127.0.0.1", "sts.invalid"));
    const requestHandler = { httpAgent: new Agent({ lookup: resolvesLater }) };
    const session = provide({ clientConfig: { region: REGION, requestHandler } })();
    expect(await latenessOf(START_MS, session)).toBeLessThan(2_500);
    expect(exchanges(clouds.sts)).toBe(1);
  });
});

describe("STS", () => {
  it("is given no longer than the user's own time limit for a request", async () => {
    await using clouds = await startTwoClouds();
    clouds.sts.injectFault({ kind: "hang" });
    const requestHandler = { requestTimeout: 200, throwOnRequestTimeout: true };
    const failure = failureOf(provide({ clientConfig: { region: REGION, requestHandler, maxAttempts: 1 } }));
    expect(await latenessOf(200, failure)).toBeLessThan(1_000);
    expect((await failure).code).toBe("STS_UNREACHABLE");
  });

  it("is called six times in a failed acquisition, and once in each that follows, until one succeeds", async () => {
    await using clouds = await startTwoClouds();
    clouds.sts.injectFault({ kind: "status", status: 503 });
    const provider = provide();
    await failureOf(provider);
    expect(exchanges(clouds.sts)).toBe(6);
    await vi.waitFor(
      async () => {
        await failureOf(provider);
        expect(exchanges(clouds.sts)).toBe(7);
      },
      { timeout: 3_000, interval: 100 },
    );
    clouds.sts.clearFaults();
    await vi.waitFor(() => provider(), { timeout: 10_000, interval: 100 });
    expect(exchanges(clouds.sts)).toBe(8);
  });

  it("is called once in each of stsRegions in an acquisition that follows a failed one", async () => {
    await using clouds = await startTwoClouds();
    await using second = await startAwsSts({ jwksUri: clouds.metadata.jwksUri, roles: [ROLE] });
    const down = { kind: "status", status: 503 } as const;
    clouds.sts.injectFault(down);
    second.injectFault(down);
    const provider = provide({
      stsRegions: ["us-east-1", "us-west-2"],
      clientConfig: {},
      clientPlugins: [routeByRegion({ "us-east-1": clouds.sts.url, "us-west-2": second.url })],
    });
    await failureOf(provider);
    expect([exchanges(clouds.sts), exchanges(second)]).toEqual([3, 3]);
    second.clearFaults();
    await vi.waitFor(() => provider(), { timeout: 10_000, interval: 100 });
    expect([exchanges(clouds.sts), exchanges(second)]).toEqual([4, 4]);
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
