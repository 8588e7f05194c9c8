import { inspect } from "node:util";
import { DynamoDBClient, ListTablesCommand } from "@aws-sdk/client-dynamodb";
import { ListBucketsCommand, S3Client } from "@aws-sdk/client-s3";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { createCredentialChain } from "@aws-sdk/credential-providers";
import { describe, expect, it, vi } from "vitest";
import { startListBucketsServer } from "../../examples/demo/list-buckets-server.mjs";
import {
  createTrustPolicy,
  type FromGkeWorkloadIdentityInit,
  fromGkeWorkloadIdentity,
  GkeWorkloadIdentityError,
} from "../../src/index.js";
import { ROLE_ARN, startTwoClouds, UNIQUE_ID } from "../support/two-clouds.js";

type Plugin = NonNullable<FromGkeWorkloadIdentityInit["clientPlugins"]>[number];

const SESSION_ARN = "arn:aws:sts::123456789012:assumed-role/reader/orders-7d9f5b6c4-x2x8z";

describe("a pod with AWS_ROLE_ARN set", () => {
  it("signs requests with a session of the role, with no option at all", async () => {
    await using clouds = await startTwoClouds();
    const s3Server = await startListBucketsServer({ sts: clouds.sts, buckets: ["orders"] });
    vi.stubEnv("AWS_ENDPOINT_URL_S3", s3Server.url);
    vi.stubEnv("AWS_REGION", "eu-west-1");
    const s3 = new S3Client({ credentials: fromGkeWorkloadIdentity() });
    const { Buckets } = await s3.send(new ListBucketsCommand({}));
    expect(Buckets?.map(({ Name }) => Name)).toEqual(["orders"]);
    await s3Server.close();
  });

  it("asks once for ten clients of three services and a thousand concurrent first requests", async () => {
    await using clouds = await startTwoClouds();
    const s3Server = await startListBucketsServer({ sts: clouds.sts, buckets: [] });
    const credentials = fromGkeWorkloadIdentity();
    const region = "ap-northeast-2";
    const sts = Array.from({ length: 4 }, () => new STSClient({ region, credentials }));
    const s3 = Array.from({ length: 3 }, () => new S3Client({ region, credentials, endpoint: s3Server.url }));
    // Its endpoint is the S3 server, which refuses what it does not know only after the signature was verified.
    const dynamodb = Array.from(
      { length: 3 },
      () => new DynamoDBClient({ region, credentials, endpoint: s3Server.url, maxAttempts: 1 }),
    );
    const requests = Array.from({ length: 100 }, () => [
      ...sts.map((client) => client.send(new GetCallerIdentityCommand({}))),
      ...s3.map((client) => client.send(new ListBucketsCommand({}))),
      ...dynamodb.map((client) => client.send(new ListTablesCommand({})).catch((error: unknown) => error)),
    ]).flat();
    expect(requests).toHaveLength(1_000);
    const answers = await Promise.all(requests);
    expect(answers[0]).toMatchObject({ Arn: SESSION_ARN });
    expect(answers[9]).toMatchObject({ $metadata: { httpStatusCode: 501 } });

    expect(clouds.metadata.identityRequests()).toHaveLength(1);
    expect(clouds.metadata.requests).toHaveLength(1);
    expect(clouds.sts.requests.filter(({ action }) => action === "AssumeRoleWithWebIdentity")).toHaveLength(1);
    await s3Server.close();
  });

  it("keeps the account and the SDK's own attribution of the session", async () => {
    await using _ = await startTwoClouds();
    const session = await fromGkeWorkloadIdentity()();
    expect(session).toMatchObject({
      accountId: "123456789012",
      $source: { CREDENTIALS_STS_ASSUME_ROLE_WEB_ID: "k" },
    });
    expect(session.expiration.getTime() - Date.now()).toBeGreaterThan(3_590_000);
  });

  it("passes options on to STS", async () => {
    await using clouds = await startTwoClouds();
    const policy = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:List*","Resource":"*"}]}';
    const policyArns = [{ arn: "arn:aws:iam::aws:policy/ReadOnlyAccess" }];
    await fromGkeWorkloadIdentity({ roleSessionName: "orders", durationSeconds: 900, policy, policyArns })();
    expect(clouds.sts.requests[0]?.parameters).toMatchObject({
      RoleArn: ROLE_ARN,
      RoleSessionName: "orders",
      DurationSeconds: "900",
      Policy: policy,
      "PolicyArns.member.1.arn": "arn:aws:iam::aws:policy/ReadOnlyAccess",
    });
  });

  it("asks for the service account that is named", async () => {
    await using clouds = await startTwoClouds();
    const serviceAccountEmail = "reader@example-project.iam.gserviceaccount.com";
    await fromGkeWorkloadIdentity({ serviceAccountEmail })();
    expect(clouds.metadata.requests[0]?.path).toBe(`instance/service-accounts/${serviceAccountEmail}/identity`);
  });
});

describe("the audience", () => {
  it.each([
    "https://api.example.com/v1?team=a&env=b+c",
    "https://example.com/#fragment&format=standard",
    "100% sure / ümläut",
  ])("%s reaches the token unchanged", async (audience) => {
    const trustPolicy = createTrustPolicy({ serviceAccountUniqueId: UNIQUE_ID, audience });
    await using clouds = await startTwoClouds({ roles: [{ arn: ROLE_ARN, trustPolicy }] });
    await expect(fromGkeWorkloadIdentity({ audience })()).resolves.toBeDefined();
    expect(clouds.metadata.requests[0]?.query).toEqual({ format: "full", audience });
  });
});

describe("the region of STS", () => {
  /** STS's regional endpoint, seen by a plugin just before the request would leave. */
  const hostnames = (): { seen: string[]; plugin: Plugin } => {
    const seen: string[] = [];
    const plugin = {
      applyToStack: (stack: Parameters<Plugin["applyToStack"]>[0]) =>
        stack.add(
          (next) => async (args) => {
            seen.push((args.request as { hostname: string }).hostname);
            return next(args);
          },
          { step: "finalizeRequest", priority: "low" },
        ),
    };
    return { seen, plugin };
  };
  const unreachable = {
    handle: async () => Promise.reject(Object.assign(new Error("offline"), { code: "ECONNREFUSED" })),
  };

  it("is the calling client's", async () => {
    await using _ = await startTwoClouds();
    vi.stubEnv("AWS_ENDPOINT_URL_STS", undefined);
    const { seen, plugin } = hostnames();
    const credentials = fromGkeWorkloadIdentity({
      clientPlugins: [plugin],
      clientConfig: { requestHandler: unreachable as never, maxAttempts: 1 },
    });
    const client = new STSClient({ region: "ap-northeast-2", credentials });
    await expect(client.send(new GetCallerIdentityCommand({}))).rejects.toMatchObject({
      code: "STS_UNREACHABLE",
      message: expect.stringContaining("STS at sts.ap-northeast-2.amazonaws.com"),
    });
    expect(seen).toEqual(["sts.ap-northeast-2.amazonaws.com"]);
  });

  it.each([
    [{ useFipsEndpoint: true }, "sts-fips.us-west-2.amazonaws.com"],
    [{ useDualstackEndpoint: true }, "sts.us-west-2.api.aws"],
  ])("is that of clientConfig, with %j as it says", async (flags, hostname) => {
    await using _ = await startTwoClouds();
    vi.stubEnv("AWS_ENDPOINT_URL_STS", undefined);
    const { seen, plugin } = hostnames();
    const credentials = fromGkeWorkloadIdentity({
      clientPlugins: [plugin],
      clientConfig: {
        region: "us-west-2",
        ...flags,
        requestHandler: unreachable as never,
        maxAttempts: 2,
      },
    });
    await expect(credentials()).rejects.toMatchObject({ code: "STS_UNREACHABLE" });
    expect(seen).toEqual([hostname, hostname]);
  });

  it("of another partition than the role's is refused before any call", async () => {
    await using clouds = await startTwoClouds();
    vi.stubEnv("AWS_ROLE_ARN", "arn:aws-us-gov:iam::123456789012:role/reader");
    const client = new STSClient({ region: "us-east-1", credentials: fromGkeWorkloadIdentity() });
    await expect(client.send(new GetCallerIdentityCommand({}))).rejects.toMatchObject({
      code: "INVALID_CONFIGURATION",
      message: expect.stringMatching(/us-east-1.*aws-us-gov/),
    });
    expect([clouds.metadata.requests, clouds.sts.requests]).toEqual([[], []]);
  });
});

describe("in a credential chain", () => {
  const other = { accessKeyId: "AKIDOTHER", secretAccessKey: "other" };

  it("goes on within a second off Google Cloud, without a role and without a network", async () => {
    const start = performance.now();
    const chain = createCredentialChain(fromGkeWorkloadIdentity(), async () => other);
    await expect(chain()).resolves.toEqual(other);
    expect(performance.now() - start).toBeLessThan(1_000);
  });

  it("does not go on when STS refuses", async () => {
    await using clouds = await startTwoClouds({ roles: [] });
    const chain = createCredentialChain(fromGkeWorkloadIdentity(), async () => other);
    await expect(chain()).rejects.toMatchObject({ code: "STS_ACCESS_DENIED" });
    expect(clouds.sts.requests.map(({ error }) => error)).toEqual(["AccessDenied"]);
  });
});

describe("secrets", () => {
  it.each(["the provider's", "the STS client's", "the calling client's"])("are not in a log: %s", async (whose) => {
    await using _ = await startTwoClouds();
    const lines: unknown[][] = [];
    const log = (...line: unknown[]) => void lines.push(line);
    const logger = { trace: log, debug: log, info: log, warn: log, error: log };
    const credentials = fromGkeWorkloadIdentity({
      ...(whose === "the provider's" && { logger }),
      ...(whose === "the STS client's" && { clientConfig: { logger } }),
    });
    const config = whose === "the calling client's" ? { logger } : {};
    await new STSClient({ region: "us-east-1", credentials, ...config }).send(new GetCallerIdentityCommand({}));
    const { secretAccessKey, sessionToken } = await credentials();
    const shown = inspect(lines, { depth: 20 });
    expect(lines.length).toBeGreaterThan(0);
    expect(shown).not.toContain(secretAccessKey);
    expect(shown).not.toContain(sessionToken);
    expect(shown).not.toMatch(/eyJ/);
  });

  it("are in no error, however deep one looks", async () => {
    await using clouds = await startTwoClouds();
    const tokens: string[] = [];
    const idTokenProvider = {
      fetchIdToken: async () => {
        tokens.push(clouds.metadata.mintIdToken());
        return tokens.at(-1) ?? "";
      },
    };
    const echo = { kind: "error", code: "AccessDenied" } as const;
    for (const fault of [echo, { kind: "garbage" }, { kind: "status", status: 503 }, { kind: "hang" }] as const) {
      clouds.sts.clearFaults();
      clouds.sts.injectFault(fault);
      const provider = fromGkeWorkloadIdentity({ idTokenProvider, timeoutMs: 500 });
      const error = await provider().catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(GkeWorkloadIdentityError);
      const shown = inspect(error, { depth: Number.POSITIVE_INFINITY, showHidden: true, maxStringLength: null });
      for (const token of tokens) expect(shown).not.toContain(token);
    }
  });

  it("are not in an error of an STS that says the token or a session back", async () => {
    await using clouds = await startTwoClouds();
    const token = clouds.metadata.mintIdToken();
    const idTokenProvider = { fetchIdToken: async () => token };
    const session = "<SecretAccessKey>sEcReT</SecretAccessKey><SessionToken>tOkEn</SessionToken>";
    for (const fault of [
      { kind: "error", code: "InvalidIdentityToken", message: `this is bad: ${token}` },
      { kind: "garbage", body: `<AssumeRoleWithWebIdentityResponse><Credentials>${session}` },
      { kind: "garbage", body: `<html>${token}${session}</html>` },
    ] as const) {
      clouds.sts.injectFault(fault, { times: 1 });
      const error = await fromGkeWorkloadIdentity({ idTokenProvider })().catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(GkeWorkloadIdentityError);
      const shown = inspect(error, { depth: Number.POSITIVE_INFINITY, showHidden: true, maxStringLength: null });
      expect(shown).not.toMatch(/sEcReT|tOkEn/);
      expect(shown).not.toContain(token);
    }
  });
});
