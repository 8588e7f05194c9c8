import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import type { AwsCredentialIdentity } from "@smithy/types";
import { gcpMetadata } from "google-auth-library";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { GkeWorkloadIdentityErrorCode } from "../../src/index.js";
import type { GoogleMetadataFault } from "../../src/testing/index.js";
import { startClusterCloud } from "../support/cluster-cloud.js";
import { latenessOf } from "../support/lateness.js";
import { failureOf, provide } from "../support/provide.js";
import { startTwoClouds } from "../support/two-clouds.js";

// On EKS, in a pod whose token says so, and with real addresses: platforms.slow.test.ts.

const KEYS = { accessKeyId: "AKIDLAPTOP", secretAccessKey: "secret" };
const giving = (credentials: Partial<AwsCredentialIdentity> = KEYS) =>
  vi.fn(async (_properties?: object) => credentials as AwsCredentialIdentity);
const failing = (error: unknown) => vi.fn(() => Promise.reject(error));

describe("fallback off Google Cloud", () => {
  it("is asked once for all requests and clients, without a role being configured", async () => {
    const fallback = giving();
    const provider = provide({ fallback });
    const clients = ["us-east-1", "eu-west-1"].map((region) => new STSClient({ region, credentials: provider }));
    const found = await Promise.all([provider(), ...clients.map(({ config }) => config.credentials()), provider()]);
    expect(found.map(({ accessKeyId }) => accessKeyId)).toEqual(Array(4).fill("AKIDLAPTOP"));
    expect(fallback).toHaveBeenCalledTimes(1);
  });

  it("signs a client's requests with the fallback's session, and gets the client's configuration", async () => {
    await using clouds = await startTwoClouds();
    const session = await provide()();
    vi.stubEnv("GCE_METADATA_HOST", undefined);
    const fallback = giving(session);
    const client = new STSClient({ region: "eu-west-1", credentials: provide({ fallback }) });
    expect((await client.send(new GetCallerIdentityCommand({}))).Arn).toContain("assumed-role/reader/");
    const properties = fallback.mock.calls[0]?.[0] as { callerClientConfig: { region: () => Promise<string> } };
    expect(await properties.callerClientConfig.region()).toBe("eu-west-1");
    expect(clouds.sts.sessionCount()).toBe(1);
  });

  it("rejects with NOT_ON_GOOGLE_CLOUD and the cause when the fallback fails", async () => {
    const cause = Object.assign(new Error("Could not load credentials from any providers"), { name: "ProviderError" });
    expect(await failureOf(provide({ fallback: failing(cause) }))).toMatchObject({
      code: "NOT_ON_GOOGLE_CLOUD",
      tryNextLink: true,
      message:
        "This process does not run on Google Cloud: the fallback gave no credentials: Could not load credentials from any providers [NOT_ON_GOOGLE_CLOUD]",
      cause: { name: "ProviderError", message: cause.message },
    });
  });

  it.each([
    null,
    {},
    { ...KEYS, secretAccessKey: "" },
    { ...KEYS, expiration: new Date(0) },
    { ...KEYS, expiration: 9e12 },
  ])(
    "rejects with NOT_ON_GOOGLE_CLOUD when the fallback gives no credentials that can be used (%#)",
    async (credentials) => {
      const fallback = giving(credentials as Partial<AwsCredentialIdentity>);
      expect(await failureOf(provide({ fallback }))).toMatchObject({
        code: "NOT_ON_GOOGLE_CLOUD",
        message: expect.stringContaining("the fallback gave no credentials"),
      });
    },
  );

  it("ends at timeoutMs when the fallback hangs", async () => {
    const failure = failureOf(provide({ timeoutMs: 500, fallback: () => new Promise(() => {}) }));
    expect(await latenessOf(500, failure)).toBeLessThan(300);
    expect(await failure).toMatchObject({
      code: "NOT_ON_GOOGLE_CLOUD",
      message: expect.stringContaining("the fallback gave no credentials: no answer within"),
    });
  });
});

describe("fallback where a variable speaks for Google Cloud and no metadata server answers", () => {
  const { HOST_ADDRESS } = gcpMetadata;
  beforeEach(() => {
    Object.assign(gcpMetadata, { HOST_ADDRESS: "http://127.0.0.1:1" });
    vi.stubEnv("METADATA_SERVER_DETECTION", undefined);
    vi.stubEnv("K_SERVICE", "orders");
  });
  afterEach(() => Object.assign(gcpMetadata, { HOST_ADDRESS }));

  it("has half of the time", async () => {
    const fallback = () => new Promise<AwsCredentialIdentity>((resolve) => setTimeout(resolve, 300, KEYS));
    await expect(provide({ fallback, timeoutMs: 2_000 })()).resolves.toEqual(KEYS);
  });

  it("leaves the failure of the metadata server to be seen when it fails too", async () => {
    const failure = await failureOf(provide({ fallback: failing(new Error("no keys")), timeoutMs: 1_000 }));
    expect(failure).toMatchObject({ code: "METADATA_UNAVAILABLE", retryable: true });
  });
});

describe("fallback, over time", () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  it("is asked again after five minutes when its credentials have no expiration", async () => {
    const fallback = giving();
    const provider = provide({ fallback });
    await provider();
    await vi.advanceTimersByTimeAsync(5 * 60_000 - 1_000);
    await provider();
    expect(fallback).toHaveBeenCalledTimes(1);
    fallback.mockResolvedValue({ ...KEYS, accessKeyId: "AKIDROTATED" });
    await vi.advanceTimersByTimeAsync(2_000);
    // The old keys at once, the new ones from then on.
    expect((await provider()).accessKeyId).toBe("AKIDLAPTOP");
    await vi.advanceTimersByTimeAsync(0);
    expect((await provider()).accessKeyId).toBe("AKIDROTATED");
    expect(fallback).toHaveBeenCalledTimes(2);
  });
});

it("a session replaces the fallback's keys when Google's metadata server is there five minutes later", async () => {
  const provider = provide({ fallback: giving() });
  expect((await provider()).accessKeyId).toBe("AKIDLAPTOP");
  await using _ = await startTwoClouds();
  const now = performance.now.bind(performance);
  vi.spyOn(performance, "now").mockImplementation(() => now() + 5 * 60_000);
  expect((await provider()).accessKeyId).toBe("AKIDLAPTOP");
  await vi.waitFor(async () => expect((await provider()).accessKeyId).toMatch(/^ASIA/));
});

describe("fallback on Google Cloud, or with a token file", () => {
  it("is not asked when there is a session", async () => {
    await using _ = await startTwoClouds();
    const fallback = giving();
    expect((await provide({ fallback })()).accessKeyId).toMatch(/^ASIA/);
    expect(fallback).not.toHaveBeenCalled();
  });

  it.each<[GoogleMetadataFault, GkeWorkloadIdentityErrorCode]>([
    [{ kind: "status", status: 403 }, "GOOGLE_PERMISSION_DENIED"],
    [{ kind: "status", status: 404 }, "NO_GOOGLE_SERVICE_ACCOUNT"],
    [{ kind: "status", status: 503 }, "METADATA_UNAVAILABLE"],
    [{ kind: "wrongFlavor" }, "METADATA_UNAVAILABLE"],
    [{ kind: "hang" }, "METADATA_TIMEOUT"],
    [{ kind: "garbage" }, "INVALID_ID_TOKEN"],
  ])("is not asked when the metadata server's fault is %j", async (fault, code) => {
    await using clouds = await startTwoClouds();
    clouds.metadata.injectFault(fault);
    const fallback = giving();
    expect(await failureOf(provide({ fallback, timeoutMs: 1_500 }))).toMatchObject({ code, tryNextLink: false });
    expect(fallback).not.toHaveBeenCalled();
  });

  it("is not asked when no role is configured, or when STS refuses the role", async () => {
    await using clouds = await startTwoClouds();
    clouds.sts.injectFault({ kind: "error", code: "AccessDenied", message: "Not authorized" });
    const fallback = giving();
    expect((await failureOf(provide({ fallback }))).code).toBe("STS_ACCESS_DENIED");
    vi.stubEnv("AWS_ROLE_ARN", undefined);
    expect((await failureOf(provide({ fallback }))).code).toBe("MISSING_ROLE_ARN");
    expect(fallback).not.toHaveBeenCalled();
  });

  it("is not asked when a token file is named, whether it is there or not", async () => {
    await using cloud = await startClusterCloud();
    const fallback = giving();
    expect((await provide({ fallback })()).accessKeyId).toMatch(/^ASIA/);
    cloud.token.injectFault({ kind: "missing" });
    expect((await failureOf(provide({ fallback }))).code).toBe("WEB_IDENTITY_TOKEN_FILE_MISSING");
    expect(fallback).not.toHaveBeenCalled();
  });
});
