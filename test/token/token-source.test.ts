import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { startDeadline } from "../../src/lib/time.js";
import type { IdTokenProvider } from "../../src/options/options.js";
import { fakeIdTokenProvider, startGoogleMetadataServer } from "../../src/testing/index.js";
import { createTokenSource } from "../../src/token/token-source.js";

const audience = "sts.amazonaws.com";
const fetchWith = (idTokenProvider: IdTokenProvider, ms = 30_000) =>
  createTokenSource({ audience, serviceAccountEmail: "default", idTokenProvider })(startDeadline(ms));
const refusing = (error: unknown) => {
  const fetchIdToken = vi.fn(() => Promise.reject(error));
  return { fetchIdToken };
};
const answering = (token: unknown) => ({ fetchIdToken: async () => token as string });

describe("a token from the injected provider", () => {
  it("is asked for with the audience as it is, and comes with its claims", async () => {
    const idTokenProvider = fakeIdTokenProvider();
    const url = "https://api.example.com/v1?team=a&env=b+c";
    const source = createTokenSource({ audience: url, serviceAccountEmail: "default", idTokenProvider });
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
      cause: { name: cause.name, text: cause.message },
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

/** An answer of the metadata server, for `vi.stubEnv` and the real request. */
async function startStatusServer(answers: readonly (readonly [status: number, headers: Record<string, string>])[]) {
  const asked: number[] = [];
  const server = createServer((_, response) => {
    const [status, headers] = answers[Math.min(asked.length, answers.length - 1)] ?? [200, {}];
    asked.push(performance.now());
    response.writeHead(status, { "Metadata-Flavor": "Google", ...headers }).end(status === 200 ? token : "busy");
  }).listen(0, "127.0.0.1");
  const token = await fakeIdTokenProvider().fetchIdToken(audience);
  await once(server, "listening");
  vi.stubEnv("GCE_METADATA_HOST", `127.0.0.1:${(server.address() as AddressInfo).port}`);
  return { asked, [Symbol.asyncDispose]: async () => void server.close() };
}

describe("a token from the metadata server", () => {
  const fetch = (ms: number) => createTokenSource({ audience, serviceAccountEmail: "default" })(startDeadline(ms));

  it("comes with its claims", async () => {
    await using metadata = await startGoogleMetadataServer();
    vi.stubEnv("GCE_METADATA_HOST", metadata.host);
    expect((await fetch(5_000)).claims).toMatchObject({ aud: audience, azp: "111035977024964273138" });
  });

  it("that is refused comes with the account that was asked for", async () => {
    await using metadata = await startGoogleMetadataServer();
    vi.stubEnv("GCE_METADATA_HOST", metadata.host);
    const source = createTokenSource({
      audience,
      serviceAccountEmail: "writer@example-project.iam.gserviceaccount.com",
    });
    await expect(source(startDeadline(5_000))).rejects.toMatchObject({
      code: "NO_GOOGLE_SERVICE_ACCOUNT",
      hint: expect.stringContaining(
        "gcloud iam service-accounts describe writer@example-project.iam.gserviceaccount.com",
      ),
    });
  });

  it("is asked for again after the time that Retry-After names, not before", async () => {
    await using server = await startStatusServer([
      [429, { "Retry-After": "1" }],
      [200, {}],
    ]);
    await fetch(10_000);
    const [first = 0, second = 0] = server.asked;
    expect(server.asked).toHaveLength(2);
    expect(second - first).toBeGreaterThanOrEqual(990);
  });

  it("is not waited for when Retry-After names a time beyond the deadline", async () => {
    await using server = await startStatusServer([[503, { "Retry-After": "3600" }]]);
    const start = performance.now();
    await expect(fetch(20_000)).rejects.toMatchObject({ code: "METADATA_UNAVAILABLE" });
    expect(performance.now() - start).toBeLessThan(3_000);
    expect(server.asked).toHaveLength(1);
  });
});

describe("a hostile idTokenProvider", () => {
  const trap = new Proxy(
    {},
    {
      get: () => {
        throw new TypeError("trap");
      },
    },
  );

  it.each([undefined, null, 0, "text", Symbol("x"), Object.create(null), { status: "x", message: {} }, trap])(
    "ends in an error of this package when it throws something odd (%#)",
    async (thrown) => {
      await expect(fetchWith(refusing(thrown))).rejects.toMatchObject({ name: "GkeWorkloadIdentityError" });
    },
  );

  it.each([undefined, null, 5, {}, { trim: () => 1 }, ["a.b.c"]])(
    "ends in INVALID_ID_TOKEN when it gives no text (%#)",
    async (answer) => {
      await expect(fetchWith(answering(answer))).rejects.toMatchObject({ code: "INVALID_ID_TOKEN" });
    },
  );
});
