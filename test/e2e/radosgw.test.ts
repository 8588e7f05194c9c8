import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { inspect, promisify } from "node:util";
import {
  CreateBucketCommand,
  GetObjectCommand,
  ListBucketsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import type { AwsCredentialIdentityProvider } from "@smithy/types";
import {
  type FromGkeWorkloadIdentityInit,
  fromGkeWorkloadIdentity,
  GkeWorkloadIdentityError,
  type GkeWorkloadIdentityEvent,
} from "gke-aws-credentials";
import {
  type ClusterIssuer,
  type GoogleMetadataServer,
  startClusterIssuer,
  startGoogleMetadataServer,
} from "gke-aws-credentials/testing";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { type RadosGateway, startRadosGateway } from "./rgw/radosgw.js";
import { createTrustedRole, type Issuer } from "./rgw/trusted-role.js";

type Plugin = NonNullable<FromGkeWorkloadIdentityInit["clientPlugins"]>[number];

const AUDIENCE = "sts.amazonaws.com";
const UNIQUE_ID = "111035977024964273138";
const ROLE = "reader";
const ROLE_ARN = `arn:aws:iam:::role/${ROLE}`;
const region = "us-east-1";

const CLUSTER_ROLE = "orders";
const SUBJECT = "system:serviceaccount:shop:orders";

let gateway: RadosGateway;
let metadata: GoogleMetadataServer;
let cluster: ClusterIssuer;

const hostOf = ({ issuer }: Issuer): string => new URL(issuer).host;

beforeAll(async () => {
  metadata = await startGoogleMetadataServer({ issuer: (url) => url });
  cluster = await startClusterIssuer({ issuer: (url) => url });
  gateway = await startRadosGateway();
  await createTrustedRole(gateway.url, {
    name: ROLE,
    issuer: metadata,
    clientIds: [AUDIENCE, UNIQUE_ID],
    conditions: { sub: UNIQUE_ID },
  });
  await createTrustedRole(gateway.url, {
    name: CLUSTER_ROLE,
    issuer: cluster,
    clientIds: [AUDIENCE],
    conditions: { sub: SUBJECT },
  });
});
afterAll(async () => {
  await metadata?.close();
  await cluster?.close();
  await gateway?.[Symbol.asyncDispose]();
});
beforeEach(() => {
  vi.stubEnv("AWS_ROLE_ARN", ROLE_ARN);
  vi.stubEnv("HOSTNAME", "orders-7d9f5b6c4-x2x8z");
  vi.stubEnv("GCE_METADATA_HOST", metadata.host);
  vi.stubEnv("AWS_ENDPOINT_URL", gateway.url);
});

const REFUSED = { code: "STS_ACCESS_DENIED", tryNextLink: false };

/** A provider whose token is this one. */
const withToken = (token: string, init: FromGkeWorkloadIdentityInit = {}) =>
  fromGkeWorkloadIdentity({ clientConfig: { region }, idTokenProvider: { fetchIdToken: async () => token }, ...init });

const s3With = (credentials: AwsCredentialIdentityProvider, maxAttempts = 3) =>
  new S3Client({
    region,
    credentials,
    maxAttempts,
    forcePathStyle: true,
    // RGW 16 does not take the SDK's streamed checksums.
    requestChecksumCalculation: "WHEN_REQUIRED",
  });

/** Sessions shorter than AWS gives and than the option `durationSeconds` allows: RGW's least is set to a second. */
const lasting = (seconds: number): Plugin => ({
  applyToStack: (stack) =>
    stack.add(
      (next) => (args) => {
        Object.assign(args.input, { DurationSeconds: seconds });
        return next(args);
      },
      { step: "initialize" },
    ),
});

describe("Ceph's STS and S3", () => {
  it("let a plain S3 client with this provider create a bucket, put, get and list", async () => {
    const s3 = s3With(fromGkeWorkloadIdentity());
    await s3.send(new CreateBucketCommand({ Bucket: "orders" }));
    await s3.send(new PutObjectCommand({ Bucket: "orders", Key: "one", Body: "the first" }));
    const { Body } = await s3.send(new GetObjectCommand({ Bucket: "orders", Key: "one" }));
    expect(await Body?.transformToString()).toBe("the first");
    const { Contents } = await s3.send(new ListObjectsV2Command({ Bucket: "orders" }));
    expect(Contents?.map(({ Key }) => Key)).toEqual(["one"]);
    const { Buckets } = await s3.send(new ListBucketsCommand({}));
    expect(Buckets?.map(({ Name }) => Name)).toContain("orders");
    expect(metadata.identityRequests()).toHaveLength(1);
  });

  it("give a session of the length that was asked for", async () => {
    const { expiration } = await fromGkeWorkloadIdentity({ clientConfig: { region }, durationSeconds: 900 })();
    expect(Math.abs(expiration.getTime() - Date.now() - 900_000)).toBeLessThan(5_000);
  });

  it("let a session do no more than its session policy", async () => {
    const policy = JSON.stringify({
      Version: "2012-10-17",
      Statement: [{ Effect: "Allow", Action: "s3:GetObject", Resource: "arn:aws:s3:::orders/*" }],
    });
    const s3 = s3With(fromGkeWorkloadIdentity({ policy }));
    await expect(s3.send(new GetObjectCommand({ Bucket: "orders", Key: "one" }))).resolves.toBeDefined();
    await expect(
      s3.send(new PutObjectCommand({ Bucket: "orders", Key: "two", Body: "not allowed" })),
    ).rejects.toMatchObject({ name: "AccessDenied" });
  });

  it("serve traffic without a failure for longer than a session, over several refreshes", async () => {
    const events: string[] = [];
    const s3 = s3With(
      fromGkeWorkloadIdentity({ clientPlugins: [lasting(4)], onEvent: ({ type }) => events.push(type) }),
      1,
    );
    const end = Date.now() + 11_000;
    let requests = 0;
    while (Date.now() < end) {
      await s3.send(new ListObjectsV2Command({ Bucket: "orders" }));
      requests += 1;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(requests).toBeGreaterThan(100);
    expect(events.filter((type) => type === "refreshSucceeded").length).toBeGreaterThanOrEqual(4);
    expect(events).not.toContain("refreshFailed");
  });

  it("refuse the session once it has ended", async () => {
    const session = await fromGkeWorkloadIdentity({ clientConfig: { region }, clientPlugins: [lasting(2)] })();
    const { expiration: _, ...fixed } = session;
    const s3 = s3With(async () => fixed);
    await expect(s3.send(new ListBucketsCommand({}))).resolves.toBeDefined();
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    await expect(s3.send(new ListBucketsCommand({}))).rejects.toMatchObject({ name: "AccessDenied" });
  });
});

describe("Ceph's STS and a token that a cluster issued, in a file", () => {
  const roleArn = `arn:aws:iam:::role/${CLUSTER_ROLE}`;
  const pod = { namespace: "shop", serviceAccountName: "orders" };
  const provide = (init: FromGkeWorkloadIdentityInit) =>
    fromGkeWorkloadIdentity({ roleArn, clientConfig: { region }, ...init });

  it("let a plain S3 client create a bucket, put, get and list while the token rotates", async () => {
    await using token = cluster.projectToken({ ...pod, rotateEveryMs: 50 });
    vi.stubEnv("AWS_WEB_IDENTITY_TOKEN_FILE", token.file);
    vi.stubEnv("AWS_ROLE_ARN", roleArn);
    const requests = metadata.requests.length;
    const s3 = s3With(fromGkeWorkloadIdentity({ clientPlugins: [lasting(2)] }));
    await s3.send(new CreateBucketCommand({ Bucket: "cluster-orders" }));
    const end = Date.now() + 4_000;
    for (let number = 0; Date.now() < end; number += 1) {
      const object = { Bucket: "cluster-orders", Key: String(number % 3) };
      await s3.send(new PutObjectCommand({ ...object, Body: `order ${number}` }));
      const { Body } = await s3.send(new GetObjectCommand(object));
      expect(await Body?.transformToString()).toBe(`order ${number}`);
    }
    const { Contents } = await s3.send(new ListObjectsV2Command({ Bucket: "cluster-orders" }));
    expect(Contents?.map(({ Key }) => Key)).toEqual(["0", "1", "2"]);
    expect(metadata.requests).toHaveLength(requests);
  });

  it("refuse another subject, with the subject that the policy must name in the hint", async () => {
    await using token = cluster.projectToken({ namespace: "shop", serviceAccountName: "other" });
    const error = await provide({ webIdentityTokenFile: token.file })().catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      ...REFUSED,
      hint: expect.stringContaining(`${hostOf(cluster)}:sub = system:serviceaccount:shop:other`),
    });
  });

  it("refuse another audience, with that audience in the hint", async () => {
    await using token = cluster.projectToken({ ...pod, audience: "gcp" });
    const error = await provide({ webIdentityTokenFile: token.file, audience: "gcp" })().catch((reason) => reason);
    expect(error).toMatchObject({ ...REFUSED, hint: expect.stringContaining(`${hostOf(cluster)}:aud = gcp`) });
  });

  it("never see a token whose audience is not the one that was asked for", async () => {
    await using token = cluster.projectToken({ ...pod, audience: "gcp" });
    await expect(provide({ webIdentityTokenFile: token.file })()).rejects.toMatchObject({
      code: "WEB_IDENTITY_TOKEN_FILE_INVALID",
    });
  });

  it("refuse an issuer that is not registered, with the issuer in the hint", async () => {
    await using stranger = await startClusterIssuer({ issuer: (url) => url });
    await using token = stranger.projectToken(pod);
    const error = await provide({ webIdentityTokenFile: token.file })().catch((reason: unknown) => reason);
    expect(error).toMatchObject({ ...REFUSED, hint: expect.stringContaining(hostOf(stranger)) });
  });
});

describe("what Ceph's STS refuses comes back with a code that helps, though RGW names none of STS's own:", () => {
  it.each<[what: string, claims: Readonly<Record<string, unknown>>, init: FromGkeWorkloadIdentityInit]>([
    ["another subject", { sub: "2".repeat(21) }, {}],
    ["another audience", { aud: "gcp", azp: "3".repeat(21) }, { audience: "gcp" }],
    ["an expired token", { exp: Math.floor(Date.now() / 1000) - 120 }, {}],
    ["another issuer", { iss: "https://issuer.example" }, {}],
  ])("%s", async (_, claims, init) => {
    await expect(withToken(metadata.mintIdToken(claims), init)()).rejects.toMatchObject(REFUSED);
  });

  it("a token that was tampered with", async () => {
    const [header, claims = "", signature] = metadata.mintIdToken().split(".");
    const other = { ...JSON.parse(Buffer.from(claims, "base64url").toString()), email: "someone@example.com" };
    const forged = [header, Buffer.from(JSON.stringify(other)).toString("base64url"), signature].join(".");
    const error = await withToken(forged)().catch((reason: unknown) => reason);
    expect(error).toMatchObject(REFUSED);
    expect(inspect(error, { depth: 20 })).not.toContain(forged);
  });

  it("a role that does not exist", async () => {
    const provider = fromGkeWorkloadIdentity({ clientConfig: { region }, roleArn: "arn:aws:iam:::role/nobody" });
    const error = await provider().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(GkeWorkloadIdentityError);
    expect(error).toMatchObject({
      code: "STS_ACCESS_DENIED",
      hint: expect.stringContaining("See whether the role exists"),
    });
  });

  it("a session policy that is none", async () => {
    const policy = JSON.stringify({ Version: "2012-10-17", Statement: "nonsense" });
    await expect(fromGkeWorkloadIdentity({ clientConfig: { region }, policy })()).rejects.toBeInstanceOf(
      GkeWorkloadIdentityError,
    );
  });
});

describe("the command", () => {
  const CLI = resolve("dist/cli.cjs");
  const run = promisify(execFile);
  const list = ["s3api", "list-buckets", "--query", "Buckets[].Name", "--output", "text"];

  beforeEach(() => {
    vi.stubEnv("AWS_REGION", region);
    vi.stubEnv("AWS_DEFAULT_REGION", region);
    vi.stubEnv("AWS_PAGER", "");
  });

  it("is the AWS CLI's credential_process against Ceph", async () => {
    const directory = await mkdtemp(join(tmpdir(), "aws-config-"));
    const config = join(directory, "config");
    await writeFile(config, `[profile ceph]\ncredential_process = ${process.execPath} ${CLI} credential-process\n`);
    const env = { ...process.env, AWS_CONFIG_FILE: config, AWS_PROFILE: "ceph" };
    const { stdout } = await run("aws", [...list, "--endpoint-url", gateway.url], { env });
    expect(stdout.split(/\s+/)).toContain("orders");
    await rm(directory, { recursive: true });
  });

  it("serves the AWS CLI against Ceph, through exec and its private serve", async () => {
    const { stdout } = await run(process.execPath, [CLI, "exec", "--", "aws", ...list, "--endpoint-url", gateway.url]);
    expect(stdout.split(/\s+/)).toContain("orders");
  });
});

describe("a gateway that stops and starts again in the middle of traffic", () => {
  it("fails refreshes with STS_UNREACHABLE while it is away, and nothing once it is back", async () => {
    const events: GkeWorkloadIdentityEvent[] = [];
    const credentials = fromGkeWorkloadIdentity({
      clientConfig: { region, maxAttempts: 1 },
      timeoutMs: 1_000,
      onEvent: (event) => events.push(event),
    });
    const s3 = s3With(credentials, 1);
    await s3.send(new ListBucketsCommand({}));
    const first = await credentials();

    await gateway.stop();
    await expect(credentials({ forceRefresh: true })).rejects.toMatchObject({ code: "STS_UNREACHABLE" });
    expect(await credentials()).toBe(first);
    await expect(s3.send(new ListBucketsCommand({}))).rejects.toMatchObject({ code: "ECONNREFUSED" });

    await gateway.start();
    // After a failure the cache tries no more than once a second, also when it is forced.
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    await expect(s3.send(new ListBucketsCommand({}))).resolves.toBeDefined();
    const second = await credentials({ forceRefresh: true });
    expect(second.accessKeyId).not.toBe(first.accessKeyId);
    await expect(s3.send(new ListBucketsCommand({}))).resolves.toBeDefined();
    expect(events.filter(({ type }) => type === "refreshFailed")).toHaveLength(1);
  });
});
