import { once } from "node:events";
import { createServer } from "node:http2";
import type { AddressInfo } from "node:net";
import {
  AssumeRoleCommand,
  type AssumeRoleCommandInput,
  AssumeRoleWithWebIdentityCommand,
  GetCallerIdentityCommand,
  STSClient,
} from "@aws-sdk/client-sts";
import { NodeHttp2Handler } from "@smithy/node-http-handler";
import { SignatureV4 } from "@smithy/signature-v4";
import { afterEach, describe, expect, it, vi } from "vitest";
import { createTrustPolicy } from "../../../src/index.js";
import {
  AwsServiceError,
  type AwsStsOptions,
  type SignedRequest,
  startAwsSts,
  startGoogleMetadataServer,
  type TrustPolicyStatement,
} from "../../../src/testing/index.js";
import { Sha256 } from "../../support/sha256.js";

const UNIQUE_ID = "111035977024964273138";
const arn = "arn:aws:iam::123456789012:role/team/reader";
const trustPolicy = createTrustPolicy({ serviceAccountUniqueId: UNIQUE_ID });
const region = "us-east-1";

async function setUp(options: Partial<AwsStsOptions> = {}) {
  const metadata = await startGoogleMetadataServer();
  const sts = await startAwsSts({ jwksUri: metadata.jwksUri, roles: [{ arn, trustPolicy }], ...options });
  const client = new STSClient({
    region,
    endpoint: sts.url,
    maxAttempts: 1,
    credentials: { accessKeyId: "x", secretAccessKey: "x" },
  });
  const assume = async (token: string, input = {}) => {
    const command = { RoleArn: arn, RoleSessionName: "orders", WebIdentityToken: token, ...input };
    return client.send(new AssumeRoleWithWebIdentityCommand(command));
  };
  const signedIn = async () => {
    const { Credentials } = await assume(metadata.mintIdToken());
    return {
      accessKeyId: Credentials!.AccessKeyId!,
      secretAccessKey: Credentials!.SecretAccessKey!,
      sessionToken: Credentials!.SessionToken!,
    };
  };
  const whoAmI = (credentials: Awaited<ReturnType<typeof signedIn>>) =>
    new STSClient({ region, endpoint: sts.url, maxAttempts: 1, credentials }).send(new GetCallerIdentityCommand({}));
  const stop = async () => {
    await Promise.all([metadata.close(), sts.close()]);
  };
  return { metadata, sts, assume, signedIn, whoAmI, [Symbol.asyncDispose]: stop };
}

afterEach(() => vi.useRealTimers());

describe("AssumeRoleWithWebIdentity", () => {
  it("answers a session as STS does", async () => {
    await using cloud = await setUp();
    expect(await cloud.assume(cloud.metadata.mintIdToken())).toMatchObject({
      Audience: UNIQUE_ID,
      Provider: "accounts.google.com",
      SubjectFromWebIdentityToken: UNIQUE_ID,
      AssumedRoleUser: {
        Arn: "arn:aws:sts::123456789012:assumed-role/reader/orders",
        AssumedRoleId: expect.stringMatching(/^AROA[A-Z2-7]{16}:orders$/),
      },
      Credentials: { AccessKeyId: expect.stringMatching(/^ASIA[A-Z2-7]{16}$/), Expiration: expect.any(Date) },
    });
    expect(cloud.sts.requests).toEqual([
      {
        action: "AssumeRoleWithWebIdentity",
        parameters: { Version: "2011-06-15", RoleArn: arn, RoleSessionName: "orders" },
        signingRegion: undefined,
        error: undefined,
      },
    ]);
  });

  it.each<[what: string, claims: Record<string, unknown>, name: string]>([
    ["another azp", { azp: "1".repeat(21) }, "AccessDenied"],
    ["another audience", { aud: "gcp" }, "AccessDenied"],
    ["another subject", { sub: "1".repeat(21) }, "AccessDenied"],
    ["another issuer", { iss: "https://evil.example" }, "InvalidIdentityTokenException"],
    ["no expiry", { exp: undefined }, "InvalidIdentityTokenException"],
    ["an expiry more than five minutes ago", { exp: Math.floor(Date.now() / 1000) - 301 }, "ExpiredTokenException"],
  ])("refuses a token with %s", async (_, claims, name) => {
    await using cloud = await setUp();
    await expect(cloud.assume(cloud.metadata.mintIdToken(claims))).rejects.toMatchObject({ name });
  });

  it("takes a token up to five minutes after its expiry, for clock skew", async () => {
    await using cloud = await setUp();
    const token = cloud.metadata.mintIdToken({ exp: Math.floor(Date.now() / 1000) - 290 });
    await expect(cloud.assume(token)).resolves.toBeDefined();
  });

  it("refuses what is not a token of its issuer's key", async () => {
    await using cloud = await setUp();
    await using stranger = await setUp();
    const [header, claims, signature] = cloud.metadata.mintIdToken().split(".") as [string, string, string];
    const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const forged = [
      stranger.metadata.mintIdToken(),
      `${header}.${encode({ ...JSON.parse(Buffer.from(claims, "base64url").toString()), sub: "2" })}.${signature}`,
      `${encode({ alg: "none" })}.${claims}.${signature}`,
      `${encode({ alg: "HS256", kid: JSON.parse(Buffer.from(header, "base64url").toString()).kid })}.${claims}.${signature}`,
      `${header}.${claims}.`,
      `${header}.bm90IGpzb24.${signature}`,
      `${header}.${claims}.${signature}.x`,
      "not-a-token",
    ];
    for (const token of forged) {
      await expect(cloud.assume(token)).rejects.toMatchObject({ name: "InvalidIdentityTokenException" });
    }
  });

  it("says so when it cannot fetch the issuer's keys", async () => {
    await using cloud = await setUp({ jwksUri: "http://127.0.0.1:1/certs" });
    await expect(cloud.assume(cloud.metadata.mintIdToken())).rejects.toMatchObject({
      name: "InvalidIdentityTokenException",
      message: expect.stringContaining("Couldn't retrieve verification key"),
    });
  });

  it.each<[what: string, input: Record<string, unknown>, name: string]>([
    ["a role that does not exist", { RoleArn: "arn:aws:iam::123456789012:role/nobody" }, "AccessDenied"],
    ["an ARN that is none", { RoleArn: "nobody-at-all-here-to-assume" }, "ValidationError"],
    ["an illegal session name", { RoleSessionName: "a:b" }, "ValidationError"],
    ["a session longer than the role allows", { DurationSeconds: 7200 }, "ValidationError"],
    ["a session shorter than STS allows", { DurationSeconds: 60 }, "ValidationError"],
    ["a policy that is no policy", { Policy: "{" }, "MalformedPolicyDocumentException"],
    ["a policy without statements", { Policy: "{}" }, "MalformedPolicyDocumentException"],
    ["a policy that is too large", { Policy: "x".repeat(2049) }, "PackedPolicyTooLargeException"],
    ["a token that is too short", { WebIdentityToken: "a.b" }, "ValidationError"],
  ])("refuses %s", async (_, input, name) => {
    await using cloud = await setUp();
    await expect(cloud.assume(cloud.metadata.mintIdToken(), input)).rejects.toMatchObject({ name });
  });

  it("answers the length that was asked for, or the one the server was started with", async () => {
    const lifeOf = async (options: Partial<AwsStsOptions>, input: object) => {
      await using cloud = await setUp(options);
      const { Credentials } = await cloud.assume(cloud.metadata.mintIdToken(), input);
      return Math.round((Credentials!.Expiration!.getTime() - Date.now()) / 100) / 10;
    };
    expect(
      await lifeOf({ roles: [{ arn, trustPolicy, maxSessionDuration: 43_200 }] }, { DurationSeconds: 43_200 }),
    ).toBeCloseTo(43_200, -1);
    expect(await lifeOf({ sessionSeconds: 5 }, {})).toBeLessThanOrEqual(5);
  });
});

describe("GetCallerIdentity", () => {
  it("tells who signed", async () => {
    await using cloud = await setUp();
    expect(await cloud.whoAmI(await cloud.signedIn())).toMatchObject({
      Account: "123456789012",
      Arn: "arn:aws:sts::123456789012:assumed-role/reader/orders",
    });
    expect(cloud.sts.requests.at(-1)).toMatchObject({ action: "GetCallerIdentity", signingRegion: region });
  });

  it.each<[what: string, change: object, name: string]>([
    ["an access key that was never issued", { accessKeyId: "ASIAUNKNOWN" }, "InvalidClientTokenId"],
    ["another session token", { sessionToken: "other" }, "InvalidClientTokenId"],
    ["no session token", { sessionToken: undefined }, "InvalidClientTokenId"],
    ["another secret", { secretAccessKey: "other" }, "SignatureDoesNotMatch"],
  ])("refuses %s", async (_, change, name) => {
    await using cloud = await setUp();
    await expect(cloud.whoAmI({ ...(await cloud.signedIn()), ...change })).rejects.toMatchObject({ name });
  });

  it("refuses a session that has ended", async () => {
    await using cloud = await setUp();
    const credentials = await cloud.signedIn();
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 3_700_000 });
    await expect(cloud.whoAmI(credentials)).rejects.toMatchObject({ name: "ExpiredToken" });
  });
});

describe("AssumeRole", () => {
  const target = "arn:aws:iam::210987654321:role/writer";
  const chain = async (trusted: TrustPolicyStatement, input: Partial<AssumeRoleCommandInput> = {}) => {
    const writer = { arn: target, trustPolicy: { Statement: trusted }, maxSessionDuration: 7200 };
    await using cloud = await setUp({ roles: [{ arn, trustPolicy }, writer] });
    const client = new STSClient({ region, endpoint: cloud.sts.url, credentials: await cloud.signedIn() });
    const command = { RoleArn: target, RoleSessionName: "chained", ...input };
    const { Credentials, AssumedRoleUser } = await client.send(new AssumeRoleCommand(command));
    const { AccessKeyId: accessKeyId, SecretAccessKey: secretAccessKey, SessionToken: sessionToken } = Credentials!;
    const session = { accessKeyId: accessKeyId!, secretAccessKey: secretAccessKey!, sessionToken: sessionToken! };
    return { who: await cloud.whoAmI(session), role: AssumedRoleUser!.Arn };
  };
  const trusting = (principal: string, more: Partial<TrustPolicyStatement> = {}): TrustPolicyStatement => ({
    Effect: "Allow",
    Action: "sts:AssumeRole",
    Principal: { AWS: principal },
    ...more,
  });
  const externalId = { StringEquals: { "sts:ExternalId": "42" } };

  it.each([
    "arn:aws:iam::123456789012:role/team/reader",
    "arn:aws:sts::123456789012:assumed-role/reader/orders",
    "arn:aws:iam::123456789012:root",
    "123456789012",
  ])("gives a session of another account's role that trusts %s", async (principal) => {
    const Arn = "arn:aws:sts::210987654321:assumed-role/writer/chained";
    expect(await chain(trusting(principal))).toMatchObject({ who: { Arn, Account: "210987654321" }, role: Arn });
  });

  it("asks for the external id that the trust policy wants", async () => {
    const policy = trusting("123456789012", { Condition: externalId });
    await expect(chain(policy, { ExternalId: "42" })).resolves.toBeDefined();
    await expect(chain(policy)).rejects.toMatchObject({ name: "AccessDenied" });
    await expect(chain(policy, { ExternalId: "43" })).rejects.toMatchObject({ name: "AccessDenied" });
  });

  it.each(["aws:PrincipalArn", "aws:PrincipalAccount"])("compares %s with the role that assumes", async (key) => {
    const under = (value: string) => trusting("*", { Condition: { StringEquals: { [key]: value } } });
    const right = key === "aws:PrincipalArn" ? arn : "123456789012";
    await expect(chain(under(right))).resolves.toBeDefined();
    await expect(chain(under(`${right}0`))).rejects.toMatchObject({ name: "AccessDenied" });
  });

  it.each<[what: string, trusted: TrustPolicyStatement]>([
    ["another role", trusting("arn:aws:iam::123456789012:role/other")],
    ["another account", trusting("arn:aws:iam::999999999999:root")],
    ["web identities only", trusting("123456789012", { Action: "sts:AssumeRoleWithWebIdentity" })],
    ["Google only", trusting("123456789012", { Principal: { Federated: "accounts.google.com" } })],
  ])("refuses, and names the caller, where the role trusts %s", async (_, trusted) => {
    await expect(chain(trusted)).rejects.toMatchObject({
      name: "AccessDenied",
      message: `User: arn:aws:sts::123456789012:assumed-role/reader/orders is not authorized to perform: sts:AssumeRole on resource: ${target}`,
    });
  });

  it("keeps a chained session to one hour, whatever the role's maximum", async () => {
    await expect(chain(trusting("123456789012"), { DurationSeconds: 3601 })).rejects.toMatchObject({
      name: "ValidationError",
      message: expect.stringContaining("1 hour session limit for roles assumed by role chaining"),
    });
  });

  it("wants a signature", async () => {
    await using cloud = await setUp();
    const credentials = { accessKeyId: "ASIASTRANGER", secretAccessKey: "x", sessionToken: "x" };
    const client = new STSClient({ region, endpoint: cloud.sts.url, credentials });
    await expect(client.send(new AssumeRoleCommand({ RoleArn: arn, RoleSessionName: "x1" }))).rejects.toMatchObject({
      name: "InvalidClientTokenId",
    });
  });
});

describe("authenticate", () => {
  const request = { method: "GET", target: "/", headers: {}, body: Buffer.alloc(0) };

  it("refuses a request without a signature, or with half of one", async () => {
    await using cloud = await setUp();
    await expect(cloud.sts.authenticate(request)).rejects.toMatchObject({
      code: "MissingAuthenticationToken",
      status: 403,
    });
    const headers = { authorization: "AWS4-HMAC-SHA256 Credential=x", "x-amz-date": "20260101T000000Z" };
    const half = cloud.sts.authenticate({ ...request, headers });
    await expect(half).rejects.toBeInstanceOf(AwsServiceError);
    await expect(half).rejects.toMatchObject({ code: "IncompleteSignature", status: 400 });
  });

  it("refuses a request that was changed after it was signed, or signed an hour ago", async () => {
    await using cloud = await setUp();
    const credentials = await cloud.signedIn();
    const signer = new SignatureV4({ credentials, region, service: "s3", sha256: Sha256, uriEscapePath: false });
    const request = {
      method: "PUT",
      protocol: "http:",
      hostname: "localhost",
      path: "/bucket/a%20key",
      query: { "list-type": "2", prefix: "a b", tag: ["x", "y"] },
      headers: { host: "localhost", "x-extra": "1" },
      body: "body",
    };
    const signed = await signer.sign(request);
    const anHourAgo = await signer.sign(request, { signingDate: new Date(Date.now() - 3_600_000) });
    const target = "/bucket/a%20key?list-type=2&prefix=a%20b&tag=x&tag=y";
    const whole = { method: "PUT", target, headers: signed.headers, body: Buffer.from("body") };
    const verified = cloud.sts.authenticate(whole);
    await expect(verified).resolves.toMatchObject({ account: "123456789012" });
    const unsigned = signed.headers.authorization!.replace(/;x-amz-security-token/, "");
    for (const change of [
      { method: "POST" },
      { target: `${target}&more` },
      { target: "/bucket/other" },
      { body: Buffer.from("other") },
      { headers: anHourAgo.headers },
      { headers: { ...signed.headers, "x-extra": "2" } },
      { headers: { ...signed.headers, authorization: unsigned } },
    ]) {
      await expect(cloud.sts.authenticate({ ...whole, ...change })).rejects.toMatchObject({
        code: "SignatureDoesNotMatch",
      });
    }
  });
});

describe("authenticate with a request over HTTP/2", () => {
  it("takes a request that the SDK signed, and refuses it with another authority", async () => {
    await using cloud = await setUp();
    const received: SignedRequest[] = [];
    const server = createServer(async (request, response) => {
      const body = Buffer.concat(await request.toArray());
      received.push({ method: request.method, target: request.url, headers: request.headers, body });
      response.end("<GetCallerIdentityResponse><GetCallerIdentityResult/></GetCallerIdentityResponse>");
    });
    await once(server.listen(0, "127.0.0.1"), "listening");
    const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const requestHandler = new NodeHttp2Handler();
    const client = new STSClient({ region, endpoint, requestHandler, credentials: await cloud.signedIn() });
    await client.send(new GetCallerIdentityCommand({}));
    client.destroy();
    server.close();
    const [request] = received as [SignedRequest];
    expect(request.headers.authorization).toMatch(/SignedHeaders=:authority;/);
    await expect(cloud.sts.authenticate(request)).resolves.toMatchObject({ account: "123456789012" });
    const headers = { ...request.headers, ":authority": "other.example" };
    await expect(cloud.sts.authenticate({ ...request, headers })).rejects.toThrow("request signature");
  });

  it("takes a request whose host was signed, and that has its authority alone", async () => {
    await using cloud = await setUp();
    const credentials = await cloud.signedIn();
    const signer = new SignatureV4({ region, service: "bedrock", sha256: Sha256, credentials });
    const request = {
      method: "GET",
      protocol: "https:",
      hostname: "bedrock",
      path: "/a",
      headers: { host: "bedrock" },
    };
    const { host, ...headers } = (await signer.sign(request)).headers;
    const received = {
      method: "GET",
      target: "/a",
      headers: { ...headers, ":authority": host },
      body: Buffer.alloc(0),
    };
    await expect(cloud.sts.authenticate(received)).resolves.toBeDefined();
  });
});

describe("authenticate with a presigned URL", () => {
  const presign = async (expiresIn: number, signingDate = new Date()) => {
    const cloud = await setUp();
    const { getSignedUrl } = await import("@aws-sdk/s3-request-presigner");
    const { PutObjectCommand, S3Client } = await import("@aws-sdk/client-s3");
    const s3 = new S3Client({
      region,
      credentials: await cloud.signedIn(),
      endpoint: "http://127.0.0.1:9",
      forcePathStyle: true,
      requestChecksumCalculation: "WHEN_REQUIRED",
    });
    const command = new PutObjectCommand({ Bucket: "reports", Key: "a b/c.pdf", ContentType: "text/plain" });
    const url = new URL(await getSignedUrl(s3, command, { expiresIn, signingDate }));
    const headers = { host: url.host, "content-type": "text/plain" };
    const asked = (change: object = {}) =>
      cloud.sts.authenticate({
        method: "PUT",
        target: `${url.pathname}${url.search}`,
        headers,
        body: Buffer.alloc(0),
        ...change,
      });
    return { url, asked, [Symbol.asyncDispose]: cloud[Symbol.asyncDispose] };
  };

  it("says who signed it, also with a body that was not signed", async () => {
    await using link = await presign(60);
    await expect(link.asked()).resolves.toMatchObject({ account: "123456789012" });
    await expect(link.asked({ body: Buffer.from("anything") })).resolves.toBeDefined();
  });

  it("takes a URL of S3 that says nothing about its body, as SDK 2, minio and aws4 make it, and of S3 alone", async () => {
    await using cloud = await setUp();
    const request = { method: "GET", protocol: "http:", hostname: "s3", path: "/a", headers: { host: "s3" } };
    const presigned = async (service: string) => {
      const signer = new SignatureV4({ region, service, sha256: Sha256, credentials: await cloud.signedIn() });
      const unhoistableHeaders = new Set(["x-amz-content-sha256"]);
      const options = { expiresIn: 60, unhoistableHeaders, unsignableHeaders: unhoistableHeaders };
      const headers = { ...request.headers, "x-amz-content-sha256": "UNSIGNED-PAYLOAD" };
      const { query } = await signer.presign({ ...request, headers }, options);
      const target = `/a?${new URLSearchParams(query as Record<string, string>)}`;
      return { method: "GET", target, headers: request.headers, body: Buffer.alloc(0) };
    };
    const url = await presigned("s3");
    expect(url.target).not.toMatch(/content-sha256/i);
    await expect(cloud.sts.authenticate(url)).resolves.toBeDefined();
    await expect(cloud.sts.authenticate(await presigned("sqs"))).rejects.toThrow("request signature");
  });

  it("refuses it when its method, path, query or host was changed", async () => {
    await using link = await presign(60);
    const { pathname, search } = link.url;
    for (const change of [
      { method: "GET" },
      { target: `${pathname}x${search}` },
      { target: `${pathname}${search}&more=1` },
      { target: `${pathname}${search.replace("X-Amz-Expires=60", "X-Amz-Expires=600")}` },
      { headers: { host: "other.example" } },
    ]) {
      await expect(link.asked(change)).rejects.toMatchObject({ code: "SignatureDoesNotMatch", status: 403 });
    }
    const target = `${pathname}${search.replace(/X-Amz-Expires=\d+/, "X-Amz-Expires=0")}`;
    await expect(link.asked({ target })).rejects.toMatchObject({ code: "IncompleteSignature" });
  });

  it("refuses it as S3 does when its time is over", async () => {
    await using link = await presign(60, new Date(Date.now() - 61_000));
    await expect(link.asked()).rejects.toMatchObject({ code: "AccessDenied", message: "Request has expired" });
    await using long = await presign(3_600, new Date(Date.now() - 1_800_000));
    await expect(long.asked()).resolves.toBeDefined();
  });
});

describe("the server", () => {
  it("answers errors in XML, and reads GET as well, when it does not know the action", async () => {
    await using cloud = await setUp();
    const ask = async () => {
      const response = await fetch(`${cloud.sts.url}/?Action=GetSessionToken&Version=2011-06-15`);
      return [response.status, await response.text()];
    };
    expect(await ask()).toEqual([400, expect.stringContaining("<Type>Sender</Type><Code>InvalidAction</Code>")]);
    cloud.sts.injectFault({ kind: "error", code: "Internal", status: 500, message: `<b> & "c"` }, { times: 1 });
    const error =
      "<Type>Receiver</Type><Code>Internal</Code><Message>&lt;b&gt; &amp; &quot;c&quot;</Message></Error><RequestId>";
    expect(await ask()).toEqual([500, expect.stringContaining(error)]);
  });

  it("refuses a signature whose key it never issued", async () => {
    await using cloud = await setUp();
    const now = new Date().toISOString().replace(/[-:]|\.\d+/g, "");
    const scope = `${now.slice(0, 8)}/us-east-1/sts/aws4_request`;
    const authorization = `AWS4-HMAC-SHA256 Credential=A/${scope}, SignedHeaders=host, Signature=${"0".repeat(64)}`;
    const headers = { authorization, "x-amz-date": now };
    expect((await fetch(`${cloud.sts.url}/?Action=GetCallerIdentity`, { headers })).status).toBe(403);
  });

  it("refuses to start with a trust policy that it would misread", async () => {
    const Condition = { StringNotEquals: { "accounts.google.com:sub": "1" } };
    const policy = { Statement: { Effect: "Allow", Condition } };
    const start = startAwsSts({ jwksUri: "x", roles: [{ arn, trustPolicy: policy }] });
    await expect(start).rejects.toThrow(/StringNotEquals/);
  });
});
