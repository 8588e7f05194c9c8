import { Readable } from "node:stream";
import { ConfiguredRetryStrategy } from "@smithy/core/retry";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type FromGkeWorkloadIdentityInit, GkeWorkloadIdentityError } from "../../src/index.js";
import { startDeadline } from "../../src/lib/time.js";
import { resolveOptions } from "../../src/options/option-rules.js";
import { createRoleAssumer } from "../../src/sts/assume-role.js";
import { fakeRoleAssumer } from "../../src/testing/index.js";

const roleArn = "arn:aws:iam::123456789012:role/reader";

const request = {
  token: "token",
  claims: { azp: "111", aud: "sts.amazonaws.com", sub: "111" },
  roleArn,
  roleSessionName: "orders",
  regions: [],
  callerClientConfig: undefined,
};
const exchange = (init: FromGkeWorkloadIdentityInit, ms = 30_000) =>
  createRoleAssumer(resolveOptions(init), () => {})({ ...request, deadline: startDeadline(ms) });
const answering = (credentials: unknown) => exchange({ roleAssumerWithWebIdentity: async () => credentials as never });
const named = (name: string, message = name) => Object.assign(new Error(message), { name });

describe("the STS client", () => {
  it("is not called again by a retry of the SDK when the exchange was given up meanwhile", async () => {
    const wasAborted: boolean[] = [];
    const handle = (_request: unknown, { abortSignal }: { abortSignal: AbortSignal }) => {
      wasAborted.push(abortSignal.aborted);
      const lost = Object.assign(new Error("lost"), { name: "TimeoutError" });
      return wasAborted.length === 1 ? Promise.reject(lost) : new Promise(() => {});
    };
    const retryStrategy = new ConfiguredRetryStrategy(3, () => 300);
    const init = { clientConfig: { requestHandler: { handle } as never, retryStrategy } };
    const assumeRole = createRoleAssumer(resolveOptions(init), () => {});
    const assume = (ms: number) => assumeRole({ ...request, regions: ["us-east-1"], deadline: startDeadline(ms) });
    await import("@aws-sdk/client-sts");
    await expect(assume(200)).rejects.toMatchObject({ code: "STS_UNREACHABLE" });
    await expect(assume(300)).rejects.toMatchObject({ code: "STS_UNREACHABLE" });
    expect(wasAborted.length).toBeGreaterThan(1);
    expect(wasAborted).not.toContain(true);
  });
});

describe("several regions", () => {
  const regions = ["us-east-1", "us-west-2", "eu-west-1"];
  const session = `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>ASIA</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`;
  const refusal = `<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>`;
  const answer = (statusCode: number, body: string) => async () => ({
    response: { statusCode, headers: { "content-type": "text/xml" }, body: Readable.from([Buffer.from(body)]) },
  });
  const answers = answer(200, session);
  const isDown = answer(503, "");
  const refuses = answer(403, refusal);
  const hangs = () => new Promise<never>(() => {});
  type Answer = () => Promise<unknown>;

  /** An assumer whose regions answer as they are told, and what it asked and said. */
  function setUp(behaviour: Record<string, Answer>, init: FromGkeWorkloadIdentityInit = {}) {
    const asked: string[] = [];
    const events: unknown[] = [];
    const handle = ({ hostname }: { hostname: string }) => {
      const region = hostname.split(".")[1] ?? "";
      asked.push(region);
      return behaviour[region]?.();
    };
    const clientConfig = { requestHandler: { handle } as never, maxAttempts: 1, ...init.clientConfig };
    const assumeRole = createRoleAssumer(resolveOptions({ ...init, clientConfig }), (event) => events.push(event));
    const assume = (ms = 10_000) => assumeRole({ ...request, regions, deadline: startDeadline(ms) });
    return { assume, asked, events, behaviour };
  }

  it("are asked in their order until one answers, and each step is told", async () => {
    const { assume, asked, events } = setUp({ "us-east-1": isDown, "us-west-2": isDown, "eu-west-1": answers });
    await expect(assume()).resolves.toMatchObject({ accessKeyId: "ASIA" });
    expect(asked).toEqual(regions);
    const code = "STS_UNREACHABLE";
    expect(events).toEqual([
      { type: "stsRegionFailover", from: "us-east-1", to: "us-west-2", code },
      { type: "stsRegionFailover", from: "us-west-2", to: "eu-west-1", code },
    ]);
  });

  it("are asked the one that answered first, then the others, for ten minutes", async () => {
    vi.useFakeTimers({ toFake: ["performance"] });
    const { assume, asked, behaviour } = setUp({ "us-east-1": isDown, "us-west-2": answers, "eu-west-1": answers });
    await assume();
    await assume();
    expect(asked.splice(0)).toEqual(["us-east-1", "us-west-2", "us-west-2"]);
    behaviour["us-west-2"] = isDown;
    await assume();
    expect(asked.splice(0)).toEqual(["us-west-2", "us-east-1", "eu-west-1"]);
    vi.advanceTimersByTime(599_999);
    await assume();
    expect(asked.splice(0)).toEqual(["eu-west-1"]);
    behaviour["us-east-1"] = answers;
    vi.advanceTimersByTime(600_000);
    await assume();
    expect(asked).toEqual(["us-east-1"]);
    vi.useRealTimers();
  });

  it("are not asked after a refusal", async () => {
    const { assume, asked, events } = setUp({ "us-east-1": refuses, "us-west-2": answers });
    await expect(assume()).rejects.toMatchObject({ code: "STS_ACCESS_DENIED" });
    expect([asked, events]).toEqual([["us-east-1"], []]);
  });

  it("that are all down fail with the last one's error", async () => {
    const { assume, asked } = setUp({ "us-east-1": isDown, "us-west-2": isDown, "eu-west-1": isDown });
    await expect(assume()).rejects.toMatchObject({
      code: "STS_UNREACHABLE",
      message: expect.stringContaining("STS in eu-west-1"),
    });
    expect(asked).toEqual(regions);
  });

  it("that hang have an equal share of what is left of the time", async () => {
    const { assume, asked } = setUp({ "us-east-1": hangs, "us-west-2": hangs, "eu-west-1": answers });
    await import("@aws-sdk/client-sts");
    await import("@aws-sdk/credential-providers");
    const start = performance.now();
    await expect(assume(900)).resolves.toBeDefined();
    expect(asked).toEqual(regions);
    expect(performance.now() - start).toBeGreaterThan(550);
    expect(performance.now() - start).toBeLessThan(900);
    const all = setUp(
      { "us-east-1": hangs, "us-west-2": hangs, "eu-west-1": hangs },
      { clientConfig: { maxAttempts: 2 } },
    );
    const error = await all.assume(300).catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      code: "STS_UNREACHABLE",
      message: expect.stringMatching(/^STS in eu-west-1 .*no answer within \d+ ms\. /),
      cause: { name: "TimeoutError" },
    });
  });

  it("are called six times in all when none of them answers", async () => {
    const { assume, asked } = setUp(
      { "us-east-1": isDown, "us-west-2": isDown, "eu-west-1": isDown },
      { clientConfig: { maxAttempts: undefined } as never },
    );
    await expect(assume()).rejects.toMatchObject({ code: "STS_UNREACHABLE" });
    expect(asked).toEqual([...regions, ...regions]);
  });

  it("keep the code that STS gave when the SDK's own retries run out of time", async () => {
    const rate = `<ErrorResponse><Error><Code>Throttling</Code><Message>Rate exceeded</Message></Error></ErrorResponse>`;
    const clientConfig = { maxAttempts: undefined, retryStrategy: new ConfiguredRetryStrategy(5, () => 60_000) };
    const { assume } = setUp({ "us-east-1": answer(400, rate) }, { clientConfig: clientConfig as never });
    await import("@aws-sdk/client-sts");
    await expect(assume(900)).rejects.toMatchObject({ code: "STS_THROTTLED" });
  });

  it("have one client each, which later exchanges use again", async () => {
    const clientPlugins = [{ applyToStack: vi.fn() }];
    const { assume, behaviour } = setUp({ "us-east-1": isDown, "us-west-2": answers }, { clientPlugins });
    await assume();
    await assume();
    behaviour["us-west-2"] = isDown;
    behaviour["us-east-1"] = answers;
    await assume();
    expect(clientPlugins[0]!.applyToStack).toHaveBeenCalledTimes(2);
  });

  it.each([
    ["maxAttempts", { maxAttempts: 1 }],
    ["retryMode", { maxAttempts: undefined, retryMode: "standard" }],
    ["retryStrategy", { maxAttempts: undefined, retryStrategy: new ConfiguredRetryStrategy(1) }],
  ])("are asked no second time where the user's own %s rules what is tried again", async (_, clientConfig) => {
    const behaviour = { "us-east-1": isDown, "us-west-2": isDown, "eu-west-1": isDown };
    const { assume, asked } = setUp(behaviour, { clientConfig: clientConfig as never });
    await expect(assume()).rejects.toMatchObject({ code: "STS_UNREACHABLE" });
    expect(asked.filter((region, index) => region !== asked[index - 1])).toEqual(regions);
  });
});

describe("the injected role assumer", () => {
  it("is asked for what the options say", async () => {
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

  it("may leave out the account, which is then the role's, and keeps what else it says", async () => {
    const session = {
      accessKeyId: "ASIA",
      secretAccessKey: "secret",
      sessionToken: "token",
      expiration: new Date(Date.now() + 3_600_000),
      $source: { CREDENTIALS_STS_ASSUME_ROLE_WEB_ID: "k" },
    };
    expect(await answering(session)).toEqual({ ...session, accountId: "123456789012" });
    expect(await answering({ ...session, accountId: "999999999999" })).toMatchObject({ accountId: "999999999999" });
    for (const wrong of ["", "a.b", ".9", "9.", "9".repeat(64), 9])
      expect(await answering({ ...session, accountId: wrong as string })).toMatchObject({ accountId: "123456789012" });
  });

  const whole = { accessKeyId: "A", secretAccessKey: "S", sessionToken: "T", expiration: new Date(Date.now() + 1_000) };
  it.each([
    ["nothing", undefined, "accessKeyId"],
    ["no access key id", { ...whole, accessKeyId: "" }, "accessKeyId"],
    ["no secret", { ...whole, secretAccessKey: undefined }, "secretAccessKey"],
    ["no session token", { ...whole, sessionToken: undefined }, "sessionToken"],
    ["no expiration", { ...whole, expiration: undefined }, "expiration"],
    ["an expiration that is no date", { ...whole, expiration: new Date(Number.NaN) }, "expiration"],
    ["a session token with a line break", { ...whole, sessionToken: "T\nT" }, "sessionToken that is not printable"],
    ["a secret outside ASCII", { ...whole, secretAccessKey: "sé" }, "secretAccessKey that is not printable"],
    ["a key id that is an object", { ...whole, accessKeyId: {} }, "accessKeyId that is not printable"],
    ["an expiration that is text", { ...whole, expiration: "2030-01-01" }, "expiration"],
  ])("is refused an answer with %s", async (_, credentials, missing) => {
    await expect(answering(credentials)).rejects.toMatchObject({
      code: "STS_INVALID_RESPONSE",
      message: expect.stringContaining(missing),
    });
  });

  it("is not asked again after a refusal", async () => {
    const roleAssumerWithWebIdentity = fakeRoleAssumer();
    roleAssumerWithWebIdentity.failWith(named("AccessDenied"));
    await expect(exchange({ roleAssumerWithWebIdentity })).rejects.toMatchObject({
      code: "STS_ACCESS_DENIED",
      hint: expect.stringContaining('"accounts.google.com:aud":"111"'),
    });
    expect(roleAssumerWithWebIdentity.calls).toHaveLength(1);
  });
});

describe("a passing failure", () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  const failing = (error: unknown, times: number, init: FromGkeWorkloadIdentityInit = {}) => {
    const roleAssumerWithWebIdentity = fakeRoleAssumer();
    roleAssumerWithWebIdentity.failWith(error, { times });
    return { outcome: exchange({ ...init, roleAssumerWithWebIdentity }), roleAssumerWithWebIdentity };
  };

  it.each([
    [
      "Google's keys not fetched",
      named("InvalidIdentityToken", "Couldn't retrieve verification key from your identity provider"),
    ],
    ["IDPCommunicationError", named("IDPCommunicationErrorException")],
    ["throttling", named("Throttling", "Rate exceeded")],
    ["5xx", Object.assign(named("Unknown", "down"), { $metadata: { httpStatusCode: 503 } })],
    ["a refused connection", Object.assign(new Error("connect"), { code: "ECONNREFUSED" })],
  ])("is retried with backoff, up to five tries: %s", async (_, error) => {
    const works = failing(error, 4);
    await vi.runAllTimersAsync();
    await expect(works.outcome).resolves.toMatchObject({ accessKeyId: "ASIAFAKE000000000005" });

    const fails = failing(error, 9);
    const outcome = expect(fails.outcome).rejects.toMatchObject({ cause: { name: error.name, text: error.message } });
    await vi.runAllTimersAsync();
    await outcome;
    expect(fails.roleAssumerWithWebIdentity.calls).toHaveLength(5);
  });

  it("that the SDK retries by itself is left to the user's own maxAttempts", async () => {
    const init = { clientConfig: { maxAttempts: 1 } };
    const throttled = failing(named("Throttling"), 9, init);
    await expect(throttled.outcome).rejects.toMatchObject({ code: "STS_THROTTLED" });
    expect(throttled.roleAssumerWithWebIdentity.calls).toHaveLength(1);

    const keys = failing(named("InvalidIdentityToken", "Couldn't retrieve verification key"), 1, init);
    await vi.runAllTimersAsync();
    await expect(keys.outcome).resolves.toBeDefined();
  });

  it("ends as STS_UNREACHABLE when no answer ever comes", async () => {
    const start = Date.now();
    const roleAssumerWithWebIdentity = vi.fn(() => new Promise<never>(() => {}));
    const outcome = expect(exchange({ roleAssumerWithWebIdentity }, 15_000)).rejects.toMatchObject({
      code: "STS_UNREACHABLE",
    });
    await vi.runAllTimersAsync();
    await outcome;
    expect(Date.now() - start).toBeLessThanOrEqual(15_000);
    expect(roleAssumerWithWebIdentity).toHaveBeenCalledTimes(2);
  });

  it("keeps the code that STS gave when later calls get no answer", async () => {
    let calls = 0;
    const roleAssumerWithWebIdentity = (): Promise<never> => {
      calls += 1;
      return calls === 1 ? Promise.reject(named("Throttling", "Rate exceeded")) : new Promise<never>(() => {});
    };
    const outcome = expect(exchange({ roleAssumerWithWebIdentity }, 25_000)).rejects.toMatchObject({
      code: "STS_THROTTLED",
      message: expect.stringContaining("Rate exceeded"),
    });
    await vi.runAllTimersAsync();
    await outcome;
    expect(calls).toBeGreaterThan(2);
  });

  it("calls no more often than the budget of the acquisition allows", async () => {
    const roleAssumerWithWebIdentity = fakeRoleAssumer();
    roleAssumerWithWebIdentity.failWith(named("Throttling"), { times: 9 });
    const calls = { left: 2 };
    const assumeRole = createRoleAssumer(resolveOptions({ roleAssumerWithWebIdentity }), () => {});
    const outcome = expect(assumeRole({ ...request, deadline: startDeadline(30_000), calls })).rejects.toMatchObject({
      code: "STS_THROTTLED",
    });
    await vi.runAllTimersAsync();
    await outcome;
    expect([roleAssumerWithWebIdentity.calls.length, calls.left]).toEqual([2, 0]);
  });
});

describe("whatever is thrown", () => {
  const throwing = new Proxy(
    {},
    {
      get: () => {
        throw new Error("get");
      },
      has: () => {
        throw new Error("has");
      },
      ownKeys: () => {
        throw new Error("ownKeys");
      },
      getPrototypeOf: () => {
        throw new Error("getPrototypeOf");
      },
    },
  );
  const withGetter = Object.defineProperty(new Error("x"), "message", {
    get: () => {
      throw new Error("getter");
    },
  });
  it.each<[what: string, thrown: unknown]>([
    ["a string", "text"],
    ["null", null],
    ["undefined", undefined],
    ["a number", 1],
    ["a symbol", Symbol("s")],
    ["a frozen object", Object.freeze({ message: "frozen" })],
    ["an object without a prototype", Object.create(null)],
    ["a proxy that throws", throwing],
    ["an error with a message that throws", withGetter],
    ...["toString", "__proto__", "constructor", "hasOwnProperty", ""].map((name): [string, unknown] => [
      `an error named ${name}`,
      named(name),
    ]),
  ])("rejects with STS_INVALID_RESPONSE when a role assumer throws %s", async (_, thrown) => {
    const roleAssumerWithWebIdentity = () => Promise.reject(thrown);
    const error = await exchange({ roleAssumerWithWebIdentity }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(GkeWorkloadIdentityError);
    expect(error).toMatchObject({ code: "STS_INVALID_RESPONSE" });
  });

  it("rejects with STS_INVALID_RESPONSE when a role assumer answers with an object that throws", async () => {
    const answer = answering(new Proxy({}, { get: (_, key) => (key === "then" ? undefined : throwing) }));
    await expect(answer).rejects.toMatchObject({ code: "STS_INVALID_RESPONSE" });
  });
});
