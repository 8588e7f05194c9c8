import { Agent } from "node:http";
import { STSClient } from "@aws-sdk/client-sts";
import { NodeHttpHandler } from "@smithy/node-http-handler";
import { describe, expect, it, vi } from "vitest";
import type {
  FromGkeWorkloadIdentityInit,
  GkeWorkloadIdentityErrorCode,
  GkeWorkloadIdentityEvent,
} from "../../src/index.js";
import { type AwsSts, type AwsStsFault, startAwsSts } from "../../src/testing/index.js";
import { startAnsweringServer } from "../support/answering-server.js";
import { latenessOf } from "../support/lateness.js";
import { failureOf, provide, REGION, routeByRegion } from "../support/provide.js";
import { startRelay, startTcpServer } from "../support/tcp-servers.js";
import { ROLE, startTwoClouds, UNIQUE_ID } from "../support/two-clouds.js";

const KEYS_NOT_FETCHED = "Couldn't retrieve verification key from your identity provider";

describe("an answer of STS", () => {
  it.each<[fault: AwsStsFault, code: GkeWorkloadIdentityErrorCode]>([
    [{ kind: "error", code: "AccessDenied" }, "STS_ACCESS_DENIED"],
    [{ kind: "error", code: "IDPRejectedClaim" }, "STS_INVALID_TOKEN"],
    [{ kind: "error", code: "InvalidIdentityToken", message: "Incorrect token audience" }, "STS_INVALID_TOKEN"],
    [{ kind: "error", code: "MalformedPolicyDocument" }, "STS_POLICY_INVALID"],
    [{ kind: "error", code: "PackedPolicyTooLarge" }, "STS_POLICY_INVALID"],
    [{ kind: "error", code: "RegionDisabledException" }, "STS_REGION_DISABLED"],
    [{ kind: "error", code: "ValidationError", message: "Request ARN is invalid" }, "INVALID_CONFIGURATION"],
    [{ kind: "error", code: "SomethingNew", status: 418 }, "STS_INVALID_RESPONSE"],
    [{ kind: "error", code: "constructor", status: 400 }, "STS_INVALID_RESPONSE"],
    [{ kind: "garbage" }, "STS_INVALID_RESPONSE"],
    [{ kind: "garbage", body: "" }, "STS_INVALID_RESPONSE"],
    [{ kind: "expiredSession" }, "STS_INVALID_RESPONSE"],
  ])("is final when it is %j: %s", async (fault, code) => {
    await using clouds = await startTwoClouds();
    clouds.sts.injectFault(fault);
    const error = await failureOf(provide());
    expect(error).toMatchObject({ code, tryNextLink: false });
    if (fault.kind === "error" && fault.message) {
      expect(error.message).toContain(fault.message);
      expect(error.cause).toMatchObject({ message: fault.message });
    }
    expect(clouds.sts.requests).toHaveLength(1);
  });

  it.each<[fault: AwsStsFault, code: GkeWorkloadIdentityErrorCode]>([
    [{ kind: "error", code: "IDPCommunicationError" }, "STS_IDP_UNREACHABLE"],
    [{ kind: "error", code: "InvalidIdentityToken", message: KEYS_NOT_FETCHED }, "STS_IDP_UNREACHABLE"],
    [{ kind: "error", code: "Throttling", message: "Rate exceeded" }, "STS_THROTTLED"],
    [{ kind: "status", status: 500 }, "STS_UNREACHABLE"],
    [{ kind: "status", status: 503 }, "STS_UNREACHABLE"],
  ])("is followed by another call when it is %j", async (fault, code) => {
    await using clouds = await startTwoClouds();
    clouds.sts.injectFault(fault, { times: 1 });
    const provider = provide({ timeoutMs: 1_000 });
    await expect(provider()).resolves.toBeDefined();
    expect(clouds.sts.requests).toHaveLength(2);
    clouds.sts.injectFault(fault);
    expect(await failureOf(() => provider({ forceRefresh: true }))).toMatchObject({ code, retryable: true });
  });

  it.each([
    ["maxAttempts", { maxAttempts: 2 }, 2],
    ["retryMode", { retryMode: "standard" }, 3],
  ])("is followed by as many calls as the user's own %s allows", async (_, setting, calls) => {
    await using clouds = await startTwoClouds();
    clouds.sts.injectFault({ kind: "error", code: "Throttling" });
    const error = await failureOf(provide({ clientConfig: { region: REGION, ...setting } }));
    expect(error.code).toBe("STS_THROTTLED");
    expect(clouds.sts.requests).toHaveLength(calls);
    clouds.sts.clearFaults();
    // The SDK does not repeat this one by itself.
    clouds.sts.injectFault({ kind: "error", code: "InvalidIdentityToken", message: KEYS_NOT_FETCHED }, { times: 1 });
    await expect(provide({ clientConfig: { region: REGION, ...setting } })()).resolves.toBeDefined();
  });

  it("is a refusal when the token is forged, of another key or of another service account", async () => {
    await using clouds = await startTwoClouds();
    await using other = await startTwoClouds();
    vi.stubEnv("AWS_ENDPOINT_URL_STS", clouds.sts.url);
    const withToken = (token: string) => provide({ idTokenProvider: { fetchIdToken: async () => token } });
    const { mintIdToken } = clouds.metadata;
    expect((await failureOf(withToken(mintIdToken({ iss: "https://evil.example" })))).code).toBe("STS_INVALID_TOKEN");
    expect((await failureOf(withToken(other.metadata.mintIdToken()))).code).toBe("STS_INVALID_TOKEN");
    expect((await failureOf(withToken(mintIdToken({ azp: "2".repeat(21) })))).code).toBe("STS_ACCESS_DENIED");
    const denied = await failureOf(withToken(mintIdToken({ sub: "2".repeat(21) })));
    expect(denied.code).toBe("STS_ACCESS_DENIED");
    expect(denied.hint).toContain(`accounts.google.com:aud = ${UNIQUE_ID}`);
    expect(denied.hint).toContain(`accounts.google.com:sub = ${"2".repeat(21)}`);
  });
});

describe("a connection to STS", () => {
  it.each([
    ["this package", false],
    ["the calling client", true],
  ])("is cut at the time limit when STS hangs: the handler of %s", async (_, isOfCaller) => {
    await using clouds = await startTwoClouds();
    clouds.sts.injectFault({ kind: "hang" });
    const provider = provide({ timeoutMs: 1_000 });
    const callerClientConfig = isOfCaller ? new STSClient({ region: REGION }).config : undefined;
    const failure = failureOf(() => provider({ callerClientConfig }));
    expect(await latenessOf(1_000, failure)).toBeLessThan(300);
    expect(await failure).toMatchObject({ code: "STS_UNREACHABLE" });
    await vi.waitFor(() => expect(clouds.sts.openConnections()).toBe(0));
  });

  it("is made by the user's own request handler, an instance or its options", async () => {
    await using clouds = await startTwoClouds();
    let connections = 0;
    class CountingAgent extends Agent {
      override createConnection(...args: Parameters<Agent["createConnection"]>) {
        connections += 1;
        return super.createConnection(...args);
      }
    }
    const httpAgent = new CountingAgent({ keepAlive: true });
    await provide({ clientConfig: { region: REGION, requestHandler: new NodeHttpHandler({ httpAgent }) } })();
    await provide({ clientConfig: { region: REGION, requestHandler: { httpAgent } } })();
    expect(connections).toBe(2);
    expect(clouds.sts.sessionCount()).toBe(2);
  });

  it.each<[whose: string, caller: boolean, init: FromGkeWorkloadIdentityInit]>([
    ["this package", false, {}],
    ["the calling client", true, {}],
    ["clientConfig", false, { clientConfig: { region: REGION, requestHandler: new NodeHttpHandler() } }],
  ])("is not used again after the network has forgotten it: the handler of %s", async (_, isOfCaller, init) => {
    await using clouds = await startTwoClouds();
    await using relay = await startRelay(Number(new URL(clouds.sts.url).port));
    vi.stubEnv("AWS_ENDPOINT_URL_STS", `http://127.0.0.1:${relay.port}`);
    const provider = provide(init);
    const callerClientConfig = isOfCaller ? new STSClient({ region: REGION }).config : undefined;
    await provider({ callerClientConfig });
    relay.forget();
    const start = performance.now();
    await provider({ callerClientConfig, forceRefresh: true });
    expect(performance.now() - start).toBeLessThan(2_000);
    expect(clouds.sts.sessionCount()).toBe(2);
  });
});

describe("a failure below STS", () => {
  const notHttp = () => startTcpServer((socket) => socket.end("SSH-2.0-OpenSSH_9.6\r\n"));

  it.each<[what: string, scheme: string, cause: RegExp]>([
    ["an answer that is not HTTP", "http", /^HPE_/],
    ["a broken TLS record", "https", /^(?:ERR_SSL_|EPROTO)/],
  ])("is retryable and passed on to the next region when it is %s", async (_, scheme, cause) => {
    await using clouds = await startTwoClouds();
    await using server = await notHttp();
    const broken = `${scheme}://127.0.0.1:${server.port}`;
    vi.stubEnv("AWS_ENDPOINT_URL_STS", broken);
    const error = await failureOf(provide({ timeoutMs: 700 }));
    expect(error).toMatchObject({ code: "STS_UNREACHABLE", retryable: true });
    expect(error.cause).toMatchObject({ code: expect.stringMatching(cause) });
    const provider = provide({
      stsRegions: ["us-east-1", "us-west-2"],
      clientConfig: {},
      clientPlugins: [routeByRegion({ "us-east-1": broken, "us-west-2": clouds.sts.url })],
    });
    await expect(provider()).resolves.toBeDefined();
  });

  it("names what was refused and the host that was called when STS refuses connections", async () => {
    await using clouds = await startTwoClouds();
    await clouds.sts.refuseConnections();
    const { host } = new URL(clouds.sts.url);
    expect(await failureOf(provide({ timeoutMs: 700 }))).toMatchObject({
      code: "STS_UNREACHABLE",
      message: expect.stringMatching(`^STS at ${host} .*ECONNREFUSED`),
      hint: expect.stringMatching(`AWS_ENDPOINT_URL_STS sends calls of STS to ${host}[^]*http://${host}`),
    });
  });
});

describe("a setting of the environment", () => {
  it.each([
    ["AWS_AUTH_SCHEME_PREFERENCE", "sigv4a"],
    ["AWS_DEFAULTS_MODE", "auto"],
    ["AWS_DEFAULTS_MODE", "fast"],
    ["AWS_RETRY_MODE", "fast"],
    ["AWS_MAX_ATTEMPTS", "many"],
  ])("does not reach the call of STS: %s=%s", async (name, value) => {
    await using clouds = await startTwoClouds();
    let asked = 0;
    await using ec2 = await startAnsweringServer((_, response) => {
      asked += 1;
      response.writeHead(404).end();
    });
    vi.stubEnv("AWS_EC2_METADATA_DISABLED", undefined);
    vi.stubEnv("AWS_EC2_METADATA_SERVICE_ENDPOINT", `http://${ec2.host}`);
    vi.stubEnv(name, value);
    await expect(provide()()).resolves.toBeDefined();
    expect([asked, clouds.sts.requests.length]).toEqual([0, 1]);
  });

  it.each<[env: Record<string, string | undefined>, init: FromGkeWorkloadIdentityInit, setting: string, said: string]>([
    [{ AWS_USE_FIPS_ENDPOINT: "true" }, {}, "AWS_ENDPOINT_URL_STS", "FIPS and custom endpoint are not supported"],
    [{ AWS_USE_DUALSTACK_ENDPOINT: "true" }, {}, "AWS_ENDPOINT_URL_STS", "Dualstack and custom endpoint"],
    [{ AWS_ENDPOINT_URL_STS: "sts.example.com" }, {}, "AWS_ENDPOINT_URL_STS", "Invalid URL"],
    [{ AWS_ENDPOINT_URL_STS: undefined, AWS_ENDPOINT_URL: "nowhere" }, {}, "AWS_ENDPOINT_URL", "Invalid URL"],
    [{}, { clientConfig: { region: REGION, endpoint: "nowhere" } }, "clientConfig.endpoint", "Invalid URL"],
  ])("is INVALID_CONFIGURATION when it prevents the call: %j %j", async (env, init, setting, said) => {
    await using clouds = await startTwoClouds();
    for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
    const { code, message, retryable } = await failureOf(provide(init));
    expect([code, retryable]).toEqual(["INVALID_CONFIGURATION", false]);
    expect(message).toContain(`STS was not called, a setting is wrong (${setting} is set): `);
    expect(message).toContain(said);
    expect(clouds.sts.requests).toEqual([]);
  });

  it("is named when it makes an object store the host of STS", async () => {
    await using _ = await startTwoClouds();
    await using store = await startAnsweringServer((_, response) =>
      response
        .writeHead(403, { "Content-Type": "application/xml", "x-amz-request-id": "17F0" })
        .end("<Error><Code>AccessDenied</Code><Message>Access Denied.</Message><Resource>/</Resource></Error>"),
    );
    vi.stubEnv("AWS_ENDPOINT_URL_STS", undefined);
    vi.stubEnv("AWS_ENDPOINT_URL", `http://${store.host}`);
    const { message } = await failureOf(provide());
    expect(message).toContain(`STS at ${store.host} (AWS_ENDPOINT_URL) refused`);
  });
});

describe("several stsRegions", () => {
  /** Two STS endpoints, told apart by the region that the client was made for, and what the provider says. */
  function startInTwo(first: AwsSts, second: AwsSts, init: FromGkeWorkloadIdentityInit = {}) {
    const events: GkeWorkloadIdentityEvent[] = [];
    const provider = provide({
      stsRegions: ["us-east-1", "us-west-2"],
      clientConfig: {},
      clientPlugins: [routeByRegion({ "us-east-1": first.url, "us-west-2": second.url })],
      onEvent: (event) => events.push(event),
      ...init,
    });
    return { provider, events };
  }
  const startSecond = (jwksUri: string) => startAwsSts({ jwksUri, roles: [ROLE] });

  it.each<[what: string, fault: AwsStsFault]>([
    ["answers 503", { kind: "status", status: 503 }],
    ["hangs", { kind: "hang" }],
  ])("are called in their order when one %s, and the one that answered is called first then", async (_, fault) => {
    await using clouds = await startTwoClouds();
    await using second = await startSecond(clouds.metadata.jwksUri);
    clouds.sts.injectFault(fault);
    const { provider, events } = startInTwo(clouds.sts, second, { timeoutMs: 2_000 });
    await expect(provider()).resolves.toBeDefined();
    const told = { type: "stsRegionFailover", from: "us-east-1", to: "us-west-2", code: "STS_UNREACHABLE" };
    expect(events).toContainEqual(expect.objectContaining(told));
    await expect(provider({ forceRefresh: true })).resolves.toBeDefined();
    expect([clouds.sts.requests.length, second.sessionCount()]).toEqual([1, 2]);
  });

  it("are called no further after a refusal", async () => {
    await using clouds = await startTwoClouds({ roles: [] });
    await using second = await startSecond(clouds.metadata.jwksUri);
    const { provider } = startInTwo(clouds.sts, second);
    expect(await failureOf(provider)).toMatchObject({ code: "STS_ACCESS_DENIED" });
    expect(second.requests).toEqual([]);
  });
});
