import { Agent } from "node:http";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { NodeHttpHandler } from "@smithy/node-http-handler";
import { describe, expect, it, vi } from "vitest";
import {
  type FromGkeWorkloadIdentityInit,
  fromGkeWorkloadIdentity,
  type GkeWorkloadIdentityErrorCode,
  type GkeWorkloadIdentityEvent,
} from "../../src/index.js";
import { type AwsStsFault, startAwsSts } from "../../src/testing/index.js";
import { failureOf, provide, REGION } from "../support/provide.js";
import { ROLE, startTwoClouds, UNIQUE_ID } from "../support/two-clouds.js";

type Plugin = NonNullable<FromGkeWorkloadIdentityInit["clientPlugins"]>[number];

describe("STS", () => {
  it.each<[fault: AwsStsFault, code: GkeWorkloadIdentityErrorCode]>([
    [{ kind: "error", code: "AccessDenied" }, "STS_ACCESS_DENIED"],
    [{ kind: "error", code: "IDPRejectedClaim" }, "STS_INVALID_TOKEN"],
    [{ kind: "error", code: "InvalidIdentityToken", message: "Incorrect token audience" }, "STS_INVALID_TOKEN"],
    [{ kind: "error", code: "MalformedPolicyDocument" }, "STS_POLICY_INVALID"],
    [{ kind: "error", code: "PackedPolicyTooLarge" }, "STS_POLICY_INVALID"],
    [{ kind: "error", code: "RegionDisabledException" }, "STS_REGION_DISABLED"],
    [{ kind: "error", code: "ValidationError", message: "Request ARN is invalid" }, "INVALID_CONFIGURATION"],
    [{ kind: "error", code: "SomethingNew", status: 418 }, "STS_INVALID_RESPONSE"],
    [{ kind: "garbage" }, "STS_INVALID_RESPONSE"],
    [{ kind: "garbage", body: "" }, "STS_INVALID_RESPONSE"],
    [{ kind: "expiredSession" }, "STS_INVALID_RESPONSE"],
  ])("that answers %j is asked once, and the request gets %s", async (fault, code) => {
    await using clouds = await startTwoClouds();
    clouds.sts.injectFault(fault);
    expect(await failureOf(provide())).toMatchObject({ code, tryNextLink: false });
    expect(clouds.sts.requests).toHaveLength(1);
  });

  it.each<[fault: AwsStsFault]>([
    [{ kind: "error", code: "IDPCommunicationError" }],
    [{ kind: "error", code: "Throttling", message: "Rate exceeded" }],
    [
      {
        kind: "error",
        code: "InvalidIdentityToken",
        message: "Couldn't retrieve verification key from your identity provider",
      },
    ],
    [{ kind: "status", status: 500 }],
    [{ kind: "status", status: 503 }],
  ])("that answers %j once is asked again, and the request gets its session", async (fault) => {
    await using clouds = await startTwoClouds();
    clouds.sts.injectFault(fault, { times: 1 });
    await expect(provide()()).resolves.toBeDefined();
    expect(clouds.sts.requests).toHaveLength(2);
  });

  it.each<[fault: AwsStsFault, code: GkeWorkloadIdentityErrorCode]>([
    [{ kind: "error", code: "IDPCommunicationError" }, "STS_IDP_UNREACHABLE"],
    [{ kind: "error", code: "Throttling" }, "STS_THROTTLED"],
    [{ kind: "status", status: 503 }, "STS_UNREACHABLE"],
  ])("that goes on answering %j fails with %s after the user's maxAttempts", async (fault, code) => {
    await using clouds = await startTwoClouds();
    clouds.sts.injectFault(fault);
    expect(await failureOf(provide({ clientConfig: { region: REGION, maxAttempts: 2 } }))).toMatchObject({ code });
    expect(clouds.sts.requests).toHaveLength(2);
  });

  it("that finds the token expired is given another token, once", async () => {
    await using clouds = await startTwoClouds();
    clouds.sts.injectFault({ kind: "error", code: "ExpiredTokenException", message: "Token expired" }, { times: 1 });
    await expect(provide()()).resolves.toBeDefined();
    expect(clouds.sts.requests).toHaveLength(2);
    // The server makes the same token twice within a second, and the same token is not sent again.
    expect(clouds.metadata.identityRequests().length).toBeGreaterThanOrEqual(2);
    expect(new Set(clouds.metadata.issuedTokens).size).toBe(2);
  });

  it("that hangs is cut off also when a calling client brings its own request handler", async () => {
    await using clouds = await startTwoClouds();
    clouds.sts.injectFault({ kind: "hang" });
    const credentials = fromGkeWorkloadIdentity({ timeoutMs: 1_000 });
    const client = new STSClient({
      region: REGION,
      credentials,
      requestHandler: new NodeHttpHandler(),
      maxAttempts: 1,
    });
    await expect(client.send(new GetCallerIdentityCommand({}))).rejects.toMatchObject({ code: "STS_UNREACHABLE" });
    await vi.waitFor(() => expect(clouds.sts.openConnections()).toBe(0));
  });

  it("that is slow is waited for", async () => {
    await using clouds = await startTwoClouds();
    clouds.sts.injectFault({ kind: "latency", ms: 300 });
    await expect(provide()()).resolves.toBeDefined();
  });

  it("that refuses connections fails with STS_UNREACHABLE, and says what was refused", async () => {
    await using clouds = await startTwoClouds();
    await clouds.sts.refuseConnections();
    expect(await failureOf(provide({ clientConfig: { region: REGION, maxAttempts: 1 } }))).toMatchObject({
      code: "STS_UNREACHABLE",
      message: expect.stringContaining("ECONNREFUSED"),
      hint: expect.stringContaining(`https://sts.${REGION}.amazonaws.com`),
    });
  });

  it("that refuses connections for a moment is asked again", async () => {
    await using clouds = await startTwoClouds();
    await clouds.sts.refuseConnections();
    setTimeout(() => void clouds.sts.acceptConnections(), 300);
    await expect(provide()()).resolves.toBeDefined();
  });

  it("is asked through the user's own request handler, an instance or its options", async () => {
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
    expect(connections).toBeGreaterThanOrEqual(1);
    expect(clouds.sts.openConnections()).toBe(connections);
    httpAgent.destroy();
  });

  it("is asked over one connection, refresh after refresh", async () => {
    await using clouds = await startTwoClouds();
    const provider = provide();
    for (let refresh = 0; refresh < 5; refresh += 1) await provider({ forceRefresh: true });
    expect(clouds.sts.sessionCount()).toBe(5);
    expect(clouds.sts.openConnections()).toBe(1);
  });
});

describe("failover between stsRegions", () => {
  /** Two STS endpoints, told apart by the region that the client was made for. */
  const startSecond = async (jwksUri: string) => startAwsSts({ jwksUri, roles: [ROLE] });

  it.each<[what: string, fault: AwsStsFault]>([
    ["answers 503", { kind: "status", status: 503 }],
    ["hangs", { kind: "hang" }],
  ])(
    "passes on from a region that %s, tells it, and asks the one that answered first from then on",
    async (_, fault) => {
      await using clouds = await startTwoClouds();
      await using second = await startSecond(clouds.metadata.jwksUri);
      clouds.sts.injectFault(fault);
      const events: GkeWorkloadIdentityEvent[] = [];
      const provider = provide({
        stsRegions: ["us-east-1", "us-west-2"],
        clientConfig: { maxAttempts: 1 },
        clientPlugins: [routeByRegion({ "us-east-1": clouds.sts.url, "us-west-2": second.url })],
        timeoutMs: 2_000,
        onEvent: (event) => events.push(event),
      });
      await expect(provider()).resolves.toBeDefined();
      expect(events).toContainEqual({
        type: "stsRegionFailover",
        from: "us-east-1",
        to: "us-west-2",
        code: "STS_UNREACHABLE",
      });
      const asked = clouds.sts.requests.length;
      await expect(provider({ forceRefresh: true })).resolves.toBeDefined();
      expect(clouds.sts.requests).toHaveLength(asked);
      expect(second.sessionCount()).toBe(2);
    },
  );

  it("does not pass on a refusal", async () => {
    await using clouds = await startTwoClouds({ roles: [] });
    await using second = await startSecond(clouds.metadata.jwksUri);
    const provider = provide({
      stsRegions: ["us-east-1", "us-west-2"],
      clientConfig: {},
      clientPlugins: [routeByRegion({ "us-east-1": clouds.sts.url, "us-west-2": second.url })],
    });
    expect(await failureOf(provider)).toMatchObject({ code: "STS_ACCESS_DENIED" });
    expect(second.requests).toEqual([]);
  });

  /** Sends each region's requests to its own server: AWS_ENDPOINT_URL_STS knows only one. */
  function routeByRegion(urls: Readonly<Record<string, string>>): Plugin {
    vi.stubEnv("AWS_ENDPOINT_URL_STS", undefined);
    return {
      applyToStack: (stack) =>
        stack.add(
          (next) => (args) => {
            const request = args.request as { hostname: string; port?: number; protocol: string };
            const url = new URL(urls[request.hostname.split(".")[1]!]!);
            Object.assign(request, { protocol: url.protocol, hostname: url.hostname, port: Number(url.port) });
            return next(args);
          },
          { step: "finalizeRequest", priority: "low" },
        ),
    };
  }
});

describe("the token", () => {
  it("of a forged issuer, another key or another service account is refused by STS", async () => {
    await using clouds = await startTwoClouds();
    await using stranger = await startTwoClouds();
    vi.stubEnv("AWS_ENDPOINT_URL_STS", clouds.sts.url);
    const withToken = (token: string) => provide({ idTokenProvider: { fetchIdToken: async () => token } });
    const { mintIdToken } = clouds.metadata;
    expect((await failureOf(withToken(mintIdToken({ iss: "https://evil.example" })))).code).toBe("STS_INVALID_TOKEN");
    expect((await failureOf(withToken(stranger.metadata.mintIdToken()))).code).toBe("STS_INVALID_TOKEN");
    expect((await failureOf(withToken(mintIdToken({ azp: "2".repeat(21) })))).code).toBe("STS_ACCESS_DENIED");
    expect((await failureOf(withToken(mintIdToken({ sub: "2".repeat(21) })))).code).toBe("STS_ACCESS_DENIED");
    const denied = await failureOf(withToken(mintIdToken({ sub: "2".repeat(21) })));
    expect(denied.hint).toContain(`"accounts.google.com:aud":"${UNIQUE_ID}"`);
    expect(denied.hint).toContain(`"accounts.google.com:sub":"${"2".repeat(21)}"`);
  });
});
