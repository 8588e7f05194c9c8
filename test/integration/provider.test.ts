import { inspect } from "node:util";
import { DynamoDBClient, ListTablesCommand } from "@aws-sdk/client-dynamodb";
import { ListBucketsCommand, S3Client } from "@aws-sdk/client-s3";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { createCredentialChain } from "@aws-sdk/credential-providers";
import { describe, expect, it, vi } from "vitest";
import { startListBucketsServer } from "../../examples/demo/list-buckets-server.mjs";
import { createTrustPolicy, fromGkeWorkloadIdentity } from "../../src/index.js";
import { ROLE_ARN, startTwoClouds, UNIQUE_ID } from "../support/two-clouds.js";

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
      $source: { RESOLVED_ACCOUNT_ID: "T", CREDENTIALS_STS_ASSUME_ROLE_WEB_ID: "k" },
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
});

it.each([
  "https://api.example.com/v1?team=a&env=b+c",
  "https://example.com/#fragment&format=standard%2F",
  "100% sure / ümläut",
])(
  "asks for a token of the named service account, for just the audience that is given when it is %s",
  async (audience) => {
    const trustPolicy = createTrustPolicy({ serviceAccountUniqueId: UNIQUE_ID, audience });
    await using clouds = await startTwoClouds({ roles: [{ arn: ROLE_ARN, trustPolicy }] });
    const serviceAccountEmail = "reader@example-project.iam.gserviceaccount.com";
    await expect(fromGkeWorkloadIdentity({ audience, serviceAccountEmail })()).resolves.toBeDefined();
    const path = `instance/service-accounts/${serviceAccountEmail}/identity`;
    expect(clouds.metadata.requests).toEqual([{ path, query: { format: "full", audience }, status: 200 }]);
  },
);

describe("the region of STS", () => {
  /** The hosts that were called, by a request handler that is offline. */
  function recordHosts() {
    const hosts: string[] = [];
    const handle = async ({ hostname }: { hostname: string }) => {
      hosts.push(hostname);
      throw Object.assign(new Error("offline"), { code: "ECONNREFUSED" });
    };
    return { hosts, requestHandler: { handle } as never };
  }

  it("is the calling client's", async () => {
    await using _ = await startTwoClouds();
    vi.stubEnv("AWS_ENDPOINT_URL_STS", undefined);
    const { hosts, requestHandler } = recordHosts();
    const credentials = fromGkeWorkloadIdentity({ clientConfig: { requestHandler, maxAttempts: 1 } });
    const client = new STSClient({ region: "ap-northeast-2", credentials });
    await expect(client.send(new GetCallerIdentityCommand({}))).rejects.toMatchObject({
      code: "STS_UNREACHABLE",
      message: expect.stringContaining("STS at sts.ap-northeast-2.amazonaws.com"),
    });
    expect(hosts).toEqual(["sts.ap-northeast-2.amazonaws.com"]);
  });

  it.each([
    [{ useFipsEndpoint: true }, "sts-fips.us-west-2.amazonaws.com"],
    [{ useDualstackEndpoint: true }, "sts.us-west-2.api.aws"],
  ])("is that of clientConfig, whatever the calling client's, with %j as it says", async (flags, host) => {
    await using _ = await startTwoClouds();
    vi.stubEnv("AWS_ENDPOINT_URL_STS", undefined);
    const { hosts, requestHandler } = recordHosts();
    const plugin = { applyToStack: vi.fn() };
    const credentials = fromGkeWorkloadIdentity({
      clientPlugins: [plugin],
      clientConfig: { region: "us-west-2", ...flags, requestHandler, maxAttempts: 2 },
    });
    const callerClientConfig = { region: "us-east-1", useFipsEndpoint: async () => false, requestHandler: {} };
    for (let time = 0; time < 2; time += 1)
      await expect(credentials({ callerClientConfig })).rejects.toMatchObject({ code: "STS_UNREACHABLE" });
    expect(new Set(hosts)).toEqual(new Set([host]));
    expect(plugin.applyToStack).toHaveBeenCalledTimes(1);
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
});
