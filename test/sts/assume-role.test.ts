import { ConfiguredRetryStrategy } from "@smithy/core/retry";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { FromGkeWorkloadIdentityInit } from "../../src/index.js";
import { startDeadline } from "../../src/lib/time.js";
import { resolveOptions } from "../../src/options/option-rules.js";
import { type AssumeRoleRequest, createRoleAssumer } from "../../src/sts/assume-role.js";
import { fakeRoleAssumer } from "../../src/testing/index.js";

const roleArn = "arn:aws:iam::123456789012:role/reader";
const REGIONS = ["us-east-1", "us-west-2", "eu-west-1"];

const exchange = (init: FromGkeWorkloadIdentityInit, ms = 30_000, more: Partial<AssumeRoleRequest> = {}) =>
  createRoleAssumer(resolveOptions(init), () => {})(request(ms, more));
const request = (ms: number, more: Partial<AssumeRoleRequest> = {}): AssumeRoleRequest => ({
  token: "token",
  claims: { azp: "111", aud: "sts.amazonaws.com", sub: "111" },
  roleArn,
  roleSessionName: "orders",
  regions: [],
  callerClientConfig: undefined,
  deadline: startDeadline(ms),
  ...more,
});
const named = (name: string, message = name) => Object.assign(new Error(message), { name });
const down = Object.assign(named("Unknown", "down"), { $metadata: { httpStatusCode: 503 } });
const refused = Object.assign(new Error("connect"), { code: "ECONNREFUSED" });

describe("an injected role assumer", () => {
  it("is given what the options say", async () => {
    const roleAssumerWithWebIdentity = fakeRoleAssumer();
    const policyArns = [{ arn: "arn:aws:iam::aws:policy/ReadOnlyAccess" }];
    const policy = '{"Version":"2012-10-17","Statement":[]}';
    await exchange({ roleAssumerWithWebIdentity, durationSeconds: 900, policy, policyArns });
    expect(roleAssumerWithWebIdentity.calls).toEqual([
      {
        RoleArn: roleArn,
        RoleSessionName: "orders",
        WebIdentityToken: "token",
        DurationSeconds: 900,
        Policy: policy,
        PolicyArns: policyArns,
        ProviderId: undefined,
      },
    ]);
  });

  it("is called once when it refuses, and when its answer is no session", async () => {
    const roleAssumerWithWebIdentity = fakeRoleAssumer();
    roleAssumerWithWebIdentity.failWith(named("AccessDenied"));
    await expect(exchange({ roleAssumerWithWebIdentity })).rejects.toMatchObject({ code: "STS_ACCESS_DENIED" });
    expect(roleAssumerWithWebIdentity.calls).toHaveLength(1);
    const empty = vi.fn(async () => ({}) as never);
    await expect(exchange({ roleAssumerWithWebIdentity: empty })).rejects.toMatchObject({
      code: "STS_INVALID_RESPONSE",
      message: expect.stringContaining("the answer has no accessKeyId"),
    });
    expect(empty).toHaveBeenCalledTimes(1);
  });
});

describe("a failure that passes", () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  /** How an exchange ends, and after how many calls, when an injected role assumer fails like this. */
  async function outcomeOf(failures: readonly unknown[], ms?: number, more: Partial<AssumeRoleRequest> = {}) {
    const left = [...failures];
    const session = fakeRoleAssumer();
    const roleAssumerWithWebIdentity = vi.fn((params: Parameters<typeof session>[0]) => {
      const failure = left.length > 1 ? left.shift() : left[0];
      if (failure === "hangs") return new Promise<never>(() => {});
      return failure === undefined ? session(params) : Promise.reject(failure);
    });
    const start = Date.now();
    const outcome = exchange({ roleAssumerWithWebIdentity }, ms, more).then(
      () => "session",
      ({ code }) => code as string,
    );
    await vi.runAllTimersAsync();
    return { end: await outcome, calls: roleAssumerWithWebIdentity.mock.calls.length, ms: Date.now() - start };
  }

  it.each<[what: string, failure: unknown, code: string]>([
    [
      "keys that STS could not fetch",
      named("InvalidIdentityToken", "Couldn't retrieve verification key"),
      "STS_IDP_UNREACHABLE",
    ],
    ["IDPCommunicationError", named("IDPCommunicationErrorException"), "STS_IDP_UNREACHABLE"],
    ["throttling", named("Throttling", "Rate exceeded"), "STS_THROTTLED"],
    ["5xx", down, "STS_UNREACHABLE"],
  ])("is followed by six calls in all, with backoff: %s", async (_, failure, code) => {
    expect(await outcomeOf([failure, failure, failure, failure, failure, undefined])).toMatchObject({
      end: "session",
      calls: 6,
    });
    expect(await outcomeOf([failure])).toMatchObject({ end: code, calls: 6 });
  });

  it("does not count while no call reaches STS: calls go on until the time is over", async () => {
    const outcome = await outcomeOf([refused]);
    expect(outcome.end).toBe("STS_UNREACHABLE");
    expect(outcome.calls).toBeGreaterThan(15);
    expect(outcome.ms).toBe(30_000);
    const late = [...Array.from({ length: 10 }, () => refused), down];
    expect(await outcomeOf(late)).toMatchObject({ end: "STS_UNREACHABLE", calls: 16 });
  });

  it("leaves no more calls than the acquisition has", async () => {
    const calls = { left: 2 };
    expect(await outcomeOf([named("Throttling")], 30_000, { calls })).toMatchObject({ end: "STS_THROTTLED", calls: 2 });
    expect(calls.left).toBe(0);
    const one = { left: 1 };
    expect(await outcomeOf([refused, refused, down], 30_000, { calls: one })).toMatchObject({ calls: 3 });
  });

  it("is cut after ten seconds when no answer comes, so that another call has time", async () => {
    expect(await outcomeOf(["hangs", undefined])).toMatchObject({ end: "session", calls: 2 });
    const outcome = await outcomeOf(["hangs"], 15_000);
    expect(outcome).toMatchObject({ end: "STS_UNREACHABLE", calls: 2 });
    expect(outcome.ms).toBeLessThanOrEqual(15_000);
  });

  it("has the code that STS gave when later calls get no answer", async () => {
    expect(await outcomeOf([named("Throttling", "Rate exceeded"), "hangs"], 25_000)).toMatchObject({
      end: "STS_THROTTLED",
    });
  });
});

describe("several regions", () => {
  /** An assumer whose regions answer as they are told, and the regions that were called. */
  function setUp(behaviour: Record<string, "down" | "answers" | "hangs">, init: FromGkeWorkloadIdentityInit = {}) {
    const called: string[] = [];
    const body = Buffer.from(
      `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>ASIA</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`,
    );
    const handle = async ({ hostname }: { hostname: string }) => {
      const region = hostname.split(".")[1] ?? "";
      called.push(region);
      if (behaviour[region] === "hangs") return new Promise(() => {});
      if (behaviour[region] === "down") return { response: { statusCode: 503, headers: {}, body: Buffer.from("") } };
      return { response: { statusCode: 200, headers: { "content-type": "text/xml" }, body } };
    };
    const clientConfig = { requestHandler: { handle } as never, maxAttempts: 1, ...init.clientConfig };
    const assumeRole = createRoleAssumer(resolveOptions({ ...init, clientConfig }), () => {});
    const assume = (ms = 10_000, regions = REGIONS) => assumeRole(request(ms, { regions }));
    return { assume, called, behaviour };
  }

  it("start with the one that answered last, for ten minutes, while it is in the list", async () => {
    vi.useFakeTimers({ toFake: ["performance"] });
    const { assume, called, behaviour } = setUp({ "us-east-1": "down" });
    await assume();
    await assume();
    expect(called.splice(0)).toEqual(["us-east-1", "us-west-2", "us-west-2"]);
    behaviour["us-west-2"] = "down";
    await assume();
    expect(called.splice(0)).toEqual(["us-west-2", "us-east-1", "eu-west-1"]);
    vi.advanceTimersByTime(599_999);
    await assume();
    expect(called.splice(0)).toEqual(["eu-west-1"]);
    behaviour["us-east-1"] = "answers";
    await assume(10_000, ["us-east-1", "us-west-2"]);
    expect(called.splice(0)).toEqual(["us-east-1"]);
    vi.advanceTimersByTime(600_000);
    await assume();
    expect(called).toEqual(["us-east-1"]);
    vi.useRealTimers();
  });

  it("have an equal share of the time that is left when they hang", async () => {
    const { assume, called } = setUp({ "us-east-1": "hangs", "us-west-2": "hangs" });
    await import("@aws-sdk/client-sts");
    await import("@aws-sdk/credential-providers");
    const start = performance.now();
    await expect(assume(900)).resolves.toBeDefined();
    expect(called).toEqual(REGIONS);
    expect(performance.now() - start).toBeGreaterThan(550);
    expect(performance.now() - start).toBeLessThan(900);
  });

  it("fail with the last one's error when all are down, after six calls in all", async () => {
    const clientConfig = { maxAttempts: undefined } as never;
    const { assume, called } = setUp(
      { "us-east-1": "down", "us-west-2": "down", "eu-west-1": "down" },
      { clientConfig },
    );
    await expect(assume()).rejects.toMatchObject({
      code: "STS_UNREACHABLE",
      message: expect.stringContaining("STS at sts.eu-west-1.amazonaws.com "),
    });
    expect(called).toEqual([...REGIONS, ...REGIONS]);
  });

  it.each([
    ["maxAttempts", { maxAttempts: 1 }],
    ["retryMode", { maxAttempts: undefined, retryMode: "standard" }],
    ["retryStrategy", { maxAttempts: undefined, retryStrategy: new ConfiguredRetryStrategy(1) }],
  ])("are called in one round when the user's own %s decides what is repeated", async (_, clientConfig) => {
    const { assume, called } = setUp(
      { "us-east-1": "down", "us-west-2": "down", "eu-west-1": "down" },
      { clientConfig: clientConfig as never },
    );
    await expect(assume()).rejects.toMatchObject({ code: "STS_UNREACHABLE" });
    expect(called.filter((region, index) => region !== called[index - 1])).toEqual(REGIONS);
  });

  it("have one client each, which ends a call and its retries at the time limit", async () => {
    const wasAborted: boolean[] = [];
    const handle = (_request: unknown, { abortSignal }: { abortSignal: AbortSignal }) => {
      wasAborted.push(abortSignal.aborted);
      return wasAborted.length === 1 ? Promise.reject(named("TimeoutError")) : new Promise(() => {});
    };
    const retryStrategy = new ConfiguredRetryStrategy(3, () => 300);
    const clientPlugins = [{ applyToStack: vi.fn() }];
    const init = { clientPlugins, clientConfig: { requestHandler: { handle } as never, retryStrategy } };
    const assumeRole = createRoleAssumer(resolveOptions(init), () => {});
    for (const ms of [200, 400])
      await expect(assumeRole(request(ms, { regions: ["us-east-1"] }))).rejects.toMatchObject({
        code: "STS_UNREACHABLE",
      });
    expect(wasAborted).toEqual([false, false]);
    expect(clientPlugins[0]?.applyToStack).toHaveBeenCalledTimes(1);
  });
});
