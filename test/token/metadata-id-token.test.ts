import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { startDeadline } from "../../src/lib/deadline.js";
import type { IdTokenProvider } from "../../src/options/options.js";
import { fakeIdTokenProvider, startGoogleMetadataServer } from "../../src/testing/index.js";
import { createGoogleIdTokenSource } from "../../src/token/metadata-id-token.js";

const audience = "sts.amazonaws.com";
const fetchWith = (idTokenProvider: IdTokenProvider, ms = 30_000) =>
  createGoogleIdTokenSource({ audience, serviceAccountEmail: "default", idTokenProvider })(startDeadline(ms));
const refusing = (error: unknown) => {
  const fetchIdToken = vi.fn(() => Promise.reject(error));
  return { fetchIdToken };
};
const answering = (token: unknown) => ({ fetchIdToken: async () => token as string });

describe("a token from the injected provider", () => {
  it("is asked for with the audience as it is, and comes with its claims", async () => {
    const idTokenProvider = fakeIdTokenProvider();
    const url = "https://api.example.com/v1?team=a&env=b+c";
    const source = createGoogleIdTokenSource({ audience: url, serviceAccountEmail: "default", idTokenProvider });
    const { claims } = await source(startDeadline(1_000));
    expect(claims.aud).toBe(url);
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

  it("may end with a newline, which is taken off", async () => {
    const token = await fakeIdTokenProvider().fetchIdToken(audience);
    await expect(fetchWith(answering(`${token}\n`))).resolves.toMatchObject({ token });
  });

  it("may name several audiences, or be at most five minutes past its end, as IAM accepts it", async () => {
    const now = Math.floor(Date.now() / 1000);
    await expect(fetchWith(fakeIdTokenProvider({ claims: { aud: ["x", audience] } }))).resolves.toBeDefined();
    await expect(fetchWith(fakeIdTokenProvider({ claims: { exp: now - 290 } }))).resolves.toBeDefined();
  });

  it("is refused when STS cannot accept it", async () => {
    await expect(fetchWith(answering("not-a-jwt"))).rejects.toMatchObject({ code: "INVALID_ID_TOKEN" });
    const other = fakeIdTokenProvider({ claims: { aud: "gcp" } });
    await expect(fetchWith(other)).rejects.toMatchObject({ code: "INVALID_ID_TOKEN" });
  });
});

describe("a failure of the provider", () => {
  it.each([
    [
      "400",
      Object.assign(new Error("non-empty audience parameter required"), { status: 400 }),
      "INVALID_CONFIGURATION",
    ],
    ["403", Object.assign(new Error("denied"), { status: 403 }), "GOOGLE_PERMISSION_DENIED"],
    ["404", Object.assign(new Error("none"), { response: { status: 404 } }), "NO_GOOGLE_SERVICE_ACCOUNT"],
    ["a redirect", Object.assign(new Error("moved"), { status: 302 }), "METADATA_UNAVAILABLE"],
    ["a wrong flavor", new RangeError("incorrect Metadata-Flavor header"), "METADATA_UNAVAILABLE"],
    ["a bug", new TypeError("x is not a function"), "METADATA_UNAVAILABLE"],
  ])("is not retried, keeps its cause and has its code: %s", async (_, cause, code) => {
    const provider = refusing(cause);
    await expect(fetchWith(provider)).rejects.toMatchObject({
      code,
      cause,
      message: expect.stringContaining(cause.message),
    });
    expect(provider.fetchIdToken).toHaveBeenCalledTimes(1);
  });

  it("does not show a token that its text holds", async () => {
    const token = await fakeIdTokenProvider().fetchIdToken(audience);
    const failure = await fetchWith(refusing(new Error(`cannot use ${token}`))).catch((error: Error) => error);
    expect(`${(failure as Error).message} ${((failure as Error).cause as Error).stack}`).not.toContain(token);
  });

  it("that throws in place of rejecting is a failure all the same", async () => {
    const provider = {
      fetchIdToken: () => {
        throw new Error("thrown");
      },
    };
    await expect(fetchWith(provider)).rejects.toMatchObject({ code: "METADATA_UNAVAILABLE" });
  });
});

describe("a passing failure", () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  it.each([
    ["a refused connection", Object.assign(new Error("connect"), { code: "ECONNREFUSED" })],
    ["429", Object.assign(new Error("busy"), { status: 429 })],
    ["499", Object.assign(new Error("queue"), { status: 499 })],
    ["503", Object.assign(new Error("unavailable"), { status: 503 })],
    ["a time-out", Object.assign(new Error("timeout"), { name: "TimeoutError" })],
  ])("is retried until it works: %s", async (_, error) => {
    const provider = fakeIdTokenProvider();
    provider.failWith(error, { times: 5 });
    const outcome = fetchWith(provider);
    await vi.runAllTimersAsync();
    await expect(outcome).resolves.toMatchObject({ claims: { aud: audience } });
    expect(provider.audiences).toHaveLength(6);
  });

  it("ends as METADATA_UNAVAILABLE when the time limit is over", async () => {
    const provider = refusing(Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" }));
    const start = Date.now();
    const outcome = expect(fetchWith(provider, 5_000)).rejects.toMatchObject({ code: "METADATA_UNAVAILABLE" });
    await vi.runAllTimersAsync();
    await outcome;
    expect(Date.now() - start).toBe(5_000);
  });

  it("ends as METADATA_TIMEOUT when nothing ever comes; each try is cut after 10 s", async () => {
    const fetchIdToken = vi.fn(() => new Promise<string>(() => {}));
    const start = Date.now();
    const outcome = expect(fetchWith({ fetchIdToken }, 25_000)).rejects.toMatchObject({ code: "METADATA_TIMEOUT" });
    await vi.runAllTimersAsync();
    await outcome;
    expect(Date.now() - start).toBe(25_000);
    expect(fetchIdToken).toHaveBeenCalledTimes(3);
  });
});

describe("a token from the metadata server", () => {
  it("is asked for by account and audience, whatever characters it has", async () => {
    await using metadata = await startGoogleMetadataServer();
    vi.stubEnv("GCE_METADATA_HOST", metadata.host);
    const serviceAccountEmail = "reader@example-project.iam.gserviceaccount.com";
    const url = "https://api.example.com/v1?team=a&env=b+c#d";
    const { claims } = await createGoogleIdTokenSource({ audience: url, serviceAccountEmail })(startDeadline(5_000));
    expect(claims.aud).toBe(url);
    expect(metadata.requests).toEqual([
      {
        path: `instance/service-accounts/${serviceAccountEmail}/identity`,
        query: { format: "full", audience: url },
        status: 200,
      },
    ]);
  });

  it("that is refused comes with the account that was asked for", async () => {
    await using metadata = await startGoogleMetadataServer();
    vi.stubEnv("GCE_METADATA_HOST", metadata.host);
    const source = createGoogleIdTokenSource({ audience, serviceAccountEmail: "writer@example.com" });
    await expect(source(startDeadline(5_000))).rejects.toMatchObject({
      code: "NO_GOOGLE_SERVICE_ACCOUNT",
      hint: expect.stringContaining("gcloud iam service-accounts describe writer@example.com"),
    });
  });
});
