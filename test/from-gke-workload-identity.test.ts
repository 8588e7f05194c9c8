import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  type FromGkeWorkloadIdentityInit,
  fromGkeWorkloadIdentity,
  GkeWorkloadIdentityError,
  type GkeWorkloadIdentityEvent,
} from "../src/index.js";
import { fakeIdTokenProvider, fakeRoleAssumer } from "../src/testing/index.js";

const roleArn = "arn:aws:iam::123456789012:role/reader";

function setUp(init: FromGkeWorkloadIdentityInit = {}) {
  const idTokenProvider = fakeIdTokenProvider();
  const roleAssumerWithWebIdentity = fakeRoleAssumer();
  const events: GkeWorkloadIdentityEvent[] = [];
  const onEvent = (event: GkeWorkloadIdentityEvent) => events.push(event);
  const provider = fromGkeWorkloadIdentity({ roleArn, idTokenProvider, roleAssumerWithWebIdentity, onEvent, ...init });
  return { provider, idTokenProvider, roleAssumerWithWebIdentity, events };
}
const named = (name: string, message = name) => Object.assign(new Error(message), { name });

beforeEach(() => vi.useFakeTimers({ now: new Date("2026-11-24T12:00:00Z") }));
afterEach(() => vi.useRealTimers());

describe("the provider", () => {
  it("is marked memoized, so that the SDK asks it for each request", () => {
    expect(setUp().provider.memoized).toBe(true);
  });

  it("reads and calls nothing before the first request", async () => {
    const { provider, idTokenProvider } = setUp({ roleArn: undefined });
    expect(idTokenProvider.audiences).toEqual([]);
    vi.stubEnv("AWS_ROLE_ARN", roleArn);
    await expect(provider()).resolves.toMatchObject({ accessKeyId: "ASIAFAKE000000000001" });
  });

  it("gives a session with its expiration and account", async () => {
    expect(await setUp().provider()).toEqual({
      accessKeyId: "ASIAFAKE000000000001",
      secretAccessKey: "fake-secret-access-key-000000000001",
      sessionToken: "fake-session-token-000000000001",
      expiration: new Date("2026-11-24T13:00:00Z"),
      accountId: "123456789012",
    });
  });

  it("takes forceRefresh from the call's properties, and only true", async () => {
    const { provider, roleAssumerWithWebIdentity } = setUp();
    await provider();
    await provider({ forceRefresh: false });
    expect(roleAssumerWithWebIdentity.calls).toHaveLength(1);
    await provider({ forceRefresh: true });
    expect(roleAssumerWithWebIdentity.calls).toHaveLength(2);
  });

  it("shares nothing with another one", async () => {
    const one = setUp();
    const other = setUp();
    one.roleAssumerWithWebIdentity.failWith(named("AccessDenied"));
    await expect(one.provider()).rejects.toMatchObject({ code: "STS_ACCESS_DENIED" });
    await expect(other.provider()).resolves.toBeDefined();
  });

  it("refreshes in the background, with a fresh token each time", async () => {
    const { provider, idTokenProvider, roleAssumerWithWebIdentity } = setUp();
    const first = await provider();
    vi.advanceTimersByTime(58 * 60_000);
    expect(await provider()).toBe(first);
    await vi.advanceTimersByTimeAsync(0);
    expect((await provider()).accessKeyId).toBe("ASIAFAKE000000000002");
    expect(idTokenProvider.audiences).toHaveLength(2);
    expect(roleAssumerWithWebIdentity.calls).toHaveLength(2);
  });
});

describe("a failure", () => {
  it("rejects with MISSING_ROLE_ARN and asks for no token when AWS_ROLE_ARN is empty; the next request finds a role set since", async () => {
    const { provider, idTokenProvider } = setUp({ roleArn: undefined });
    vi.stubEnv("AWS_ROLE_ARN", "");
    await expect(provider()).rejects.toMatchObject({ code: "MISSING_ROLE_ARN" });
    expect(idTokenProvider.audiences).toEqual([]);
    vi.stubEnv("AWS_ROLE_ARN", roleArn);
    vi.advanceTimersByTime(1_000);
    await expect(provider()).resolves.toBeDefined();
  });

  it("of an expired token fetches a fresh one and tries once more", async () => {
    let minted = 0;
    const idTokenProvider = fakeIdTokenProvider({
      claims: {
        get jti() {
          minted += 1;
          return minted;
        },
      },
    });
    const { provider, roleAssumerWithWebIdentity } = setUp({ idTokenProvider });
    roleAssumerWithWebIdentity.failWith(named("ExpiredTokenException"), { times: 1 });
    await expect(provider()).resolves.toBeDefined();
    expect(idTokenProvider.audiences).toHaveLength(2);

    roleAssumerWithWebIdentity.failWith(named("ExpiredTokenException"), { times: 2 });
    await expect(provider({ forceRefresh: true })).rejects.toMatchObject({ code: "STS_EXPIRED_TOKEN" });
    expect(roleAssumerWithWebIdentity.calls).toHaveLength(4);
  });

  it("of a session that ended before it arrived names both times", async () => {
    const { provider } = setUp({ roleAssumerWithWebIdentity: fakeRoleAssumer({ lifetimeSeconds: -60 }) });
    await expect(provider()).rejects.toMatchObject({
      code: "STS_INVALID_RESPONSE",
      message: expect.stringMatching(/2026-11-24T11:59:00.000Z.*clock says 2026-11-24T12:00:00.000Z/),
    });
  });

  it("is always a GkeWorkloadIdentityError", async () => {
    for (const thrown of [undefined, "text", {}, new Error("x")]) {
      const { provider, roleAssumerWithWebIdentity } = setUp();
      roleAssumerWithWebIdentity.failWith(thrown);
      await expect(provider()).rejects.toBeInstanceOf(GkeWorkloadIdentityError);
    }
  });

  it("to find out the region in time ends with the time limit", async () => {
    const region = () => new Promise<string>(() => {});
    const { provider } = setUp({ roleAssumerWithWebIdentity: undefined, clientConfig: { region }, timeoutMs: 1_000 });
    const failure = provider().catch((reason) => reason);
    await vi.advanceTimersByTimeAsync(1_100);
    const error = await failure;
    expect(error).toMatchObject({
      code: "STS_UNREACHABLE",
      message: expect.stringContaining("no answer within timeoutMs, 1000 ms"),
    });
    expect(error).not.toHaveProperty("cause");
  });
});

describe("events", () => {
  it("tell what a refresh failed with, and hold no secret", async () => {
    const { provider, roleAssumerWithWebIdentity, events } = setUp();
    const { secretAccessKey, sessionToken } = await provider();
    roleAssumerWithWebIdentity.failWith(named("AccessDenied", "Not authorized"));
    vi.advanceTimersByTime(58 * 60_000);
    await provider();
    await vi.advanceTimersByTimeAsync(0);
    expect(events.map(({ type }) => type)).toEqual([
      "refreshStarted",
      "refreshSucceeded",
      "refreshStarted",
      "refreshFailed",
    ]);
    expect(events[3]).toMatchObject({ code: "STS_ACCESS_DENIED", servedUntil: new Date("2026-11-24T13:00:00Z") });
    expect(events[3]).not.toHaveProperty("error");
    const shown = JSON.stringify(events);
    for (const secret of [secretAccessKey, sessionToken, roleAssumerWithWebIdentity.calls[0]!.WebIdentityToken]) {
      expect(shown).not.toContain(secret);
    }
  });
});
