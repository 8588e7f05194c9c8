import { FetchHttpHandler } from "@smithy/fetch-http-handler";
import { describe, expect, it, vi } from "vitest";
import type { FromGkeWorkloadIdentityInit } from "../../src/index.js";
import { hostSetBy, redactingLogger } from "../../src/sts/sts-client.js";
import { provide, REGION } from "../support/provide.js";
import { startTwoClouds } from "../support/two-clouds.js";

interface Sent {
  readonly hostname: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** The requests that reach a request handler, which then fails. */
function recordRequests() {
  const sent: Sent[] = [];
  const handle = async (request: Sent) => {
    sent.push(request);
    throw Object.assign(new Error("offline"), { name: "AccessDenied" });
  };
  return { sent, requestHandler: { handle } as never };
}

async function requestFor(callerClientConfig: object, init: FromGkeWorkloadIdentityInit = {}): Promise<Sent> {
  const { sent, requestHandler } = recordRequests();
  await using _ = await startTwoClouds();
  vi.stubEnv("AWS_ENDPOINT_URL_STS", undefined);
  const provider = provide({ clientConfig: { requestHandler }, ...init });
  await provider({ callerClientConfig: { region: REGION, ...callerClientConfig } }).catch(() => {});
  expect(sent).toHaveLength(1);
  return sent[0] as Sent;
}

describe("the STS client", () => {
  it("takes over FIPS, dual stack, profile and user agent id from the calling client", async () => {
    expect((await requestFor({ useFipsEndpoint: async () => true })).hostname).toBe(`sts-fips.${REGION}.amazonaws.com`);
    expect((await requestFor({ useDualstackEndpoint: async () => true })).hostname).toBe(`sts.${REGION}.api.aws`);
    const { headers } = await requestFor({ userAgentAppId: async () => "orders-app" });
    expect(headers["user-agent"]).toContain("app/orders-app");
  });

  it("takes over the calling client's request handler, unless it speaks HTTP/2", async () => {
    const { sent, requestHandler } = recordRequests();
    await using clouds = await startTwoClouds();
    const provider = provide({ clientConfig: {} });
    const caller = (handler: object) => ({ callerClientConfig: { region: REGION, requestHandler: handler } });
    await expect(provider(caller(requestHandler))).rejects.toMatchObject({ code: "STS_ACCESS_DENIED" });
    expect(sent).toHaveLength(1);
    const http2 = Object.assign(requestHandler as object, { metadata: { handlerProtocol: "h2" } });
    await provide({ clientConfig: {} })(caller(http2));
    expect([sent.length, clouds.sts.sessionCount()]).toEqual([1, 1]);
  });

  it("works with a request handler that uses fetch", async () => {
    await using clouds = await startTwoClouds();
    const callerClientConfig = { region: REGION, requestHandler: new FetchHttpHandler() };
    await expect(provide({ clientConfig: {} })({ callerClientConfig })).resolves.toBeDefined();
    await vi.waitFor(() => expect(clouds.sts.openConnections()).toBe(0));
  });
});

describe("hostSetBy", () => {
  const options = { clientConfig: { endpoint: "https://sts.example.com" } };

  it.each([
    "sts.amazonaws.com",
    "sts.eu-west-1.amazonaws.com",
    "sts.cn-north-1.amazonaws.com.cn",
    "sts.eusc-de-east-1.amazonaws.eu",
    "sts.us-gov-west-1.amazonaws.com",
    "sts.us-iso-east-1.c2s.ic.gov",
    "sts.us-isob-east-1.sc2s.sgov.gov",
    "sts.eu-isoe-west-1.cloud.adc-e.uk",
  ])("is undefined for the region's own host %s", (host) => {
    expect(hostSetBy(host, {})).toBeUndefined();
  });

  it.each([
    ["sts-fips.us-east-1.amazonaws.com", /^AWS_USE_FIPS_ENDPOINT/],
    ["sts-fips.us-east-1.api.aws", /^AWS_USE_FIPS_ENDPOINT/],
    ["sts.us-east-1.api.aws", /^AWS_USE_DUALSTACK_ENDPOINT/],
    ["sts.cn-north-1.api.amazonwebservices.com.cn", /^AWS_USE_DUALSTACK_ENDPOINT/],
    ["sts.eusc-de-east-1.api.amazonwebservices.eu", /^AWS_USE_DUALSTACK_ENDPOINT/],
    ["vpce-0a1b.sts.eu-west-1.vpce.amazonaws.com", /^endpoint_url of the profile/],
    ["minio.internal:9000", /^endpoint_url of the profile/],
  ])("names the setting for %s", (host, setting) => {
    expect(hostSetBy(host, {})).toMatch(setting);
  });

  it("names the option before the variable, and the variable that holds the host", () => {
    vi.stubEnv("AWS_ENDPOINT_URL", "https://VPCE-0a1b.sts.eu-west-1.vpce.amazonaws.com");
    vi.stubEnv("AWS_ENDPOINT_URL_STS", "");
    const host = "vpce-0a1b.sts.eu-west-1.vpce.amazonaws.com";
    expect(hostSetBy(host, {})).toBe("AWS_ENDPOINT_URL");
    expect(hostSetBy("sts.eu-west-1.amazonaws.com", {})).toBeUndefined();
    expect(hostSetBy(host, options)).toBe("clientConfig.endpoint");
    expect(hostSetBy(undefined, {})).toBe("AWS_ENDPOINT_URL");
  });
});

describe("redactingLogger", () => {
  it("passes on each level without secrets, at any depth, where the logger has that level", () => {
    const [debug, info, warn, error] = [vi.fn(), vi.fn(), vi.fn(), vi.fn()];
    const logger = redactingLogger({ debug, info, warn, error });
    const token = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl";
    const secrets = { SessionToken: "st", SecretAccessKey: "sk" };
    const cyclic: { self?: unknown } = {};
    cyclic.self = cyclic;
    logger.trace?.("nobody listens");
    logger.debug(cyclic);
    logger.info({ output: { Credentials: { ...secrets, AccessKeyId: "ASIA", Expiration: new Date(0) } } });
    logger.warn([token, 1, null], undefined);
    logger.error(new Error(token));
    const hidden = { SessionToken: "[redacted]", SecretAccessKey: "[redacted]" };
    const Credentials = { ...hidden, AccessKeyId: "ASIA", Expiration: "1970-01-01T00:00:00.000Z" };
    expect(info).toHaveBeenCalledExactlyOnceWith({ output: { Credentials } });
    expect(warn).toHaveBeenCalledExactlyOnceWith(["[redacted]", 1, null], null);
    expect(error).toHaveBeenCalledExactlyOnceWith("Error: [redacted]");
    expect(debug).toHaveBeenCalledExactlyOnceWith(expect.stringContaining("[not shown]"));
  });
});
