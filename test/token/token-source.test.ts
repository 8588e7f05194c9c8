import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createError } from "../../src/errors/create-error.js";
import { startDeadline } from "../../src/lib/time.js";
import type { IdTokenProvider } from "../../src/options/options.js";
import { fakeIdTokenProvider, startGoogleMetadataServer } from "../../src/testing/index.js";
import type { WebIdentityToken } from "../../src/token/check-token.js";
import { createTokenSource, skipRefusedTokens } from "../../src/token/token-source.js";
import { startAnsweringServer } from "../support/answering-server.js";

const audience = "sts.amazonaws.com";
const fetchWith = (idTokenProvider: IdTokenProvider, ms = 30_000) =>
  createTokenSource({ audience, serviceAccountEmail: "default", idTokenProvider })(startDeadline(ms));
const refusing = (error: unknown) => ({ fetchIdToken: vi.fn(() => Promise.reject(error)) });
const answering = (token: unknown) => ({ fetchIdToken: async () => token as string });

describe("createTokenSource with an idTokenProvider", () => {
  it("passes the audience on as it is, and gives the token with its claims", async () => {
    const idTokenProvider = fakeIdTokenProvider();
    const url = "https://api.example.com/v1?team=a&env=b+c";
    const source = createTokenSource({ audience: url, serviceAccountEmail: "default", idTokenProvider });
    expect((await source(startDeadline(1_000))).claims.aud).toBe(url);
    expect(idTokenProvider.audiences).toEqual([url]);
  });

  it("keeps the provider's own this", async () => {
    class Provider {
      readonly tokens = fakeIdTokenProvider();
      fetchIdToken(targetAudience: string) {
        return this.tokens.fetchIdToken(targetAudience);
      }
    }
    expect((await fetchWith(new Provider())).claims.aud).toBe(audience);
  });

  it.each([undefined, null, 5, {}, ["a.b.c"], "not-a-jwt"])(
    "rejects with INVALID_ID_TOKEN when the provider gives no JWT (%#)",
    async (answer) => {
      await expect(fetchWith(answering(answer))).rejects.toMatchObject({
        code: "INVALID_ID_TOKEN",
        message: "The Google ID token cannot be used: it is not a JWT [INVALID_ID_TOKEN]",
      });
    },
  );

  it.each([
    ["INVALID_CONFIGURATION", Object.assign(new Error("audience required"), { status: 400 })],
    ["GOOGLE_PERMISSION_DENIED", Object.assign(new Error("denied"), { status: 403 })],
    ["NO_GOOGLE_SERVICE_ACCOUNT", Object.assign(new Error("none"), { response: { status: 404 } })],
    ["METADATA_UNAVAILABLE", Object.assign(new Error("moved"), { status: 302 })],
    ["METADATA_UNAVAILABLE", new TypeError("x is not a function")],
  ])("rejects with %s and the cause, after one call, when the provider fails for good: %s", async (code, cause) => {
    const provider = refusing(cause);
    await expect(fetchWith(provider)).rejects.toMatchObject({
      code,
      cause: { name: cause.name, message: cause.message },
      message: expect.stringContaining(cause.message),
    });
    expect(provider.fetchIdToken).toHaveBeenCalledTimes(1);
  });

  it("rejects with an error of this package when the provider throws something odd", async () => {
    for (const thrown of [undefined, null, 0, "text", Symbol("x"), Object.create(null), { status: "x", message: {} }])
      await expect(fetchWith(refusing(thrown))).rejects.toMatchObject({ name: "GkeWorkloadIdentityError" });
    const fetchIdToken = () => {
      throw new Error("thrown");
    };
    await expect(fetchWith({ fetchIdToken })).rejects.toMatchObject({ code: "METADATA_UNAVAILABLE" });
  });

  it("does not show a token when the provider's error holds one", async () => {
    const token = await fakeIdTokenProvider().fetchIdToken(audience);
    const failure = await fetchWith(refusing(new Error(`cannot use ${token}`))).catch((error: Error) => error);
    expect(`${(failure as Error).message} ${((failure as Error).cause as Error).stack}`).not.toContain(token);
  });
});

describe("createTokenSource, over time", () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  it.each([
    ["a refused connection", Object.assign(new Error("connect"), { code: "ECONNREFUSED" })],
    ["499", Object.assign(new Error("queue"), { status: 499 })],
    ["503", Object.assign(new Error("unavailable"), { status: 503 })],
    ["a time-out", Object.assign(new Error("timeout"), { name: "TimeoutError" })],
  ])("tries again until it works after %s", async (_, error) => {
    const provider = fakeIdTokenProvider();
    provider.failWith(error, { times: 5 });
    const outcome = fetchWith(provider);
    await vi.runAllTimersAsync();
    await expect(outcome).resolves.toMatchObject({ claims: { aud: audience } });
    expect(provider.audiences).toHaveLength(6);
  });

  it("rejects with METADATA_UNAVAILABLE when connections are refused until the time is over", async () => {
    const provider = refusing(Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" }));
    const start = Date.now();
    const outcome = expect(fetchWith(provider, 5_000)).rejects.toMatchObject({ code: "METADATA_UNAVAILABLE" });
    await vi.runAllTimersAsync();
    await outcome;
    expect(Date.now() - start).toBe(5_000);
  });

  it("cuts each try after 10 s, and rejects with METADATA_TIMEOUT when none is answered", async () => {
    const fetchIdToken = vi.fn(() => new Promise<string>(() => {}));
    const start = Date.now();
    const outcome = expect(fetchWith({ fetchIdToken }, 25_000)).rejects.toMatchObject({ code: "METADATA_TIMEOUT" });
    await vi.runAllTimersAsync();
    await outcome;
    expect(Date.now() - start).toBe(25_000);
    expect(fetchIdToken).toHaveBeenCalledTimes(3);
  });
});

/** A metadata server that gives these answers, the last one again and again. */
async function startStatusServer(answers: readonly (readonly [status: number, headers: Record<string, string>])[]) {
  const asked: number[] = [];
  const token = await fakeIdTokenProvider().fetchIdToken(audience);
  const server = await startAnsweringServer((_, response) => {
    const [status, headers] = answers[Math.min(asked.length, answers.length - 1)] ?? [200, {}];
    asked.push(performance.now());
    response.writeHead(status, { "Metadata-Flavor": "Google", ...headers }).end(status === 200 ? token : "busy");
  });
  vi.stubEnv("GCE_METADATA_HOST", server.host);
  return { ...server, asked };
}

describe("createTokenSource with the metadata server", () => {
  const fetch = (ms: number, serviceAccountEmail = "default") =>
    createTokenSource({ audience, serviceAccountEmail })(startDeadline(ms));

  it("gives the token with its claims and the platform", async () => {
    await using metadata = await startGoogleMetadataServer();
    vi.stubEnv("GCE_METADATA_HOST", metadata.host);
    expect(await fetch(5_000)).toMatchObject({
      platform: "compute-engine",
      claims: { aud: audience, azp: "111035977024964273138" },
    });
  });

  it("names the account that was asked for when it is refused", async () => {
    await using metadata = await startGoogleMetadataServer();
    vi.stubEnv("GCE_METADATA_HOST", metadata.host);
    const email = "writer@example-project.iam.gserviceaccount.com";
    await expect(fetch(5_000, email)).rejects.toMatchObject({
      code: "NO_GOOGLE_SERVICE_ACCOUNT",
      hint: expect.stringContaining(`gcloud iam service-accounts describe ${email}`),
    });
  });

  it("waits as long as Retry-After says", async () => {
    await using server = await startStatusServer([
      [429, { "Retry-After": "1" }],
      [200, {}],
    ]);
    await fetch(10_000);
    const [first = 0, second = 0] = server.asked;
    expect(server.asked).toHaveLength(2);
    expect(second - first).toBeGreaterThanOrEqual(990);
  });

  it("does not wait when Retry-After names a time beyond the deadline", async () => {
    await using server = await startStatusServer([[503, { "Retry-After": "3600" }]]);
    const start = performance.now();
    await expect(fetch(20_000)).rejects.toMatchObject({ code: "METADATA_UNAVAILABLE" });
    expect(performance.now() - start).toBeLessThan(3_000);
    expect(server.asked).toHaveLength(1);
  });
});

describe("skipRefusedTokens", () => {
  const token = (name: string): WebIdentityToken => ({ token: name, claims: { exp: 0, aud: audience } });
  const [old, fresh] = [token("old"), token("fresh")];
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  it("gives each token of the source when none was refused", async () => {
    const { fetch } = skipRefusedTokens(async () => old);
    expect(await fetch(startDeadline(1_000))).toBe(old);
    expect(await fetch(startDeadline(1_000))).toBe(old);
  });

  it("waits and asks again when the source gives the refused token, until it gives another", async () => {
    const source = vi.fn(async () => (source.mock.calls.length < 6 ? old : fresh));
    const { fetch, refuse } = skipRefusedTokens(source);
    refuse(old.token);
    const found = fetch(startDeadline(30_000));
    await vi.runAllTimersAsync();
    expect(await found).toBe(fresh);
    expect(source).toHaveBeenCalledTimes(6);
  });

  it("rejects with STS_EXPIRED_TOKEN when no other token comes in time, again for each request", async () => {
    const { fetch, refuse } = skipRefusedTokens(async () => old);
    refuse(old.token);
    for (let requests = 0; requests < 2; requests += 1) {
      const start = Date.now();
      const failed = expect(fetch(startDeadline(5_000))).rejects.toMatchObject({
        code: "STS_EXPIRED_TOKEN",
        message: expect.stringContaining("the source of tokens still gives the token that STS has refused"),
      });
      await vi.runAllTimersAsync();
      await failed;
      expect(Date.now() - start).toBeLessThanOrEqual(5_100);
    }
  });

  it("rejects at once when the source fails", async () => {
    const failure = createError("METADATA_TIMEOUT");
    const source = vi.fn(() => Promise.reject(failure));
    await expect(skipRefusedTokens(source).fetch(startDeadline(30_000))).rejects.toBe(failure);
    expect(source).toHaveBeenCalledTimes(1);
  });
});
