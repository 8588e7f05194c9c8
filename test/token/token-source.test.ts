import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { startDeadline } from "../../src/lib/time.js";
import type { IdTokenProvider } from "../../src/options/options.js";
import { fakeIdTokenProvider, startGoogleMetadataServer } from "../../src/testing/index.js";
import { createTokenSource } from "../../src/token/token-source.js";
import { startAnsweringServer } from "../support/answering-server.js";

const audience = "sts.amazonaws.com";
const fetchWith = (idTokenProvider: IdTokenProvider, ms = 30_000) =>
  createTokenSource({ audience, serviceAccountEmail: "default", idTokenProvider })(startDeadline(ms));
const refusing = (error: unknown) => ({ fetchIdToken: vi.fn(() => Promise.reject(error)) });

describe("createTokenSource with an idTokenProvider", () => {
  it("passes the audience on as it is, and gives the token with its claims", async () => {
    const idTokenProvider = fakeIdTokenProvider();
    const url = "https://api.example.com/v1?team=a&env=b+c";
    const source = createTokenSource({ audience: url, serviceAccountEmail: "default", idTokenProvider });
    expect((await source(startDeadline(1_000))).claims.aud).toBe(url);
    expect(idTokenProvider.audiences).toEqual([url]);
  });

  it("asks no metadata server when the provider gives nothing", async () => {
    await using metadata = await startGoogleMetadataServer();
    vi.stubEnv("GCE_METADATA_HOST", metadata.host);
    const nothing = { fetchIdToken: () => undefined } as unknown as IdTokenProvider;
    await expect(fetchWith(nothing)).rejects.toMatchObject({ code: "INVALID_ID_TOKEN" });
    expect(metadata.requests).toEqual([]);
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
