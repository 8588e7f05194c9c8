import {
  CreateOpenIDConnectProviderCommand,
  CreateRoleCommand,
  IAMClient,
  PutRolePolicyCommand,
} from "@aws-sdk/client-iam";
import {
  CreateBucketCommand,
  GetObjectCommand,
  ListBucketsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { fromGkeWorkloadIdentity } from "gke-aws-credentials";
import { type GoogleMetadataServer, startGoogleMetadataServer } from "gke-aws-credentials/testing";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { type RadosGateway, startRadosGateway } from "./rgw/radosgw.js";

const AUDIENCE = "sts.amazonaws.com";
const UNIQUE_ID = "111035977024964273138";
const ROLE = "reader";
const ROLE_ARN = `arn:aws:iam:::role/${ROLE}`;
const region = "us-east-1";

let gateway: RadosGateway;
let metadata: GoogleMetadataServer;

/** The administrator's side: RGW trusts the issuer, and the role trusts the service account. */
async function createRole(): Promise<void> {
  const credentials = { accessKeyId: "ADMIN", secretAccessKey: "ADMINSECRET" };
  const iam = new IAMClient({ region, endpoint: gateway.url, credentials });
  const issuer = new URL(metadata.issuer).host;
  await iam.send(
    new CreateOpenIDConnectProviderCommand({
      Url: metadata.issuer,
      ClientIDList: [AUDIENCE, UNIQUE_ID],
      ThumbprintList: [metadata.thumbprint],
    }),
  );
  const trustPolicy = {
    Version: "2012-10-17",
    Statement: [
      {
        Effect: "Allow",
        Principal: { Federated: [`arn:aws:iam:::oidc-provider/${issuer}`] },
        Action: ["sts:AssumeRoleWithWebIdentity"],
        Condition: { StringEquals: { [`${issuer}:sub`]: UNIQUE_ID } },
      },
    ],
  };
  await iam.send(new CreateRoleCommand({ RoleName: ROLE, AssumeRolePolicyDocument: JSON.stringify(trustPolicy) }));
  const policy = {
    Version: "2012-10-17",
    Statement: [{ Effect: "Allow", Action: "s3:*", Resource: "arn:aws:s3:::*" }],
  };
  await iam.send(
    new PutRolePolicyCommand({ RoleName: ROLE, PolicyName: "s3", PolicyDocument: JSON.stringify(policy) }),
  );
}

beforeAll(async () => {
  metadata = await startGoogleMetadataServer({ issuer: (url) => url });
  gateway = await startRadosGateway();
  await createRole();
});
afterAll(async () => {
  await metadata?.close();
  await gateway?.[Symbol.asyncDispose]();
});
beforeEach(() => {
  vi.stubEnv("AWS_ROLE_ARN", ROLE_ARN);
  vi.stubEnv("HOSTNAME", "orders-7d9f5b6c4-x2x8z");
  vi.stubEnv("GCE_METADATA_HOST", metadata.host);
  vi.stubEnv("AWS_ENDPOINT_URL", gateway.url);
});

describe("Ceph's STS and S3", () => {
  it("let a plain S3 client with this provider create a bucket, put, get and list", async () => {
    const s3 = new S3Client({
      region,
      credentials: fromGkeWorkloadIdentity(),
      forcePathStyle: true,
      // RGW 16 does not take the SDK's streamed checksums.
      requestChecksumCalculation: "WHEN_REQUIRED",
    });
    await s3.send(new CreateBucketCommand({ Bucket: "orders" }));
    await s3.send(new PutObjectCommand({ Bucket: "orders", Key: "one", Body: "the first" }));
    const { Body } = await s3.send(new GetObjectCommand({ Bucket: "orders", Key: "one" }));
    expect(await Body?.transformToString()).toBe("the first");
    const { Contents } = await s3.send(new ListObjectsV2Command({ Bucket: "orders" }));
    expect(Contents?.map(({ Key }) => Key)).toEqual(["one"]);
    const { Buckets } = await s3.send(new ListBucketsCommand({}));
    expect(Buckets?.map(({ Name }) => Name)).toEqual(["orders"]);
    expect(metadata.identityRequests()).toHaveLength(1);
  });

  it("refuse another subject, and the error says so though RGW names no code of STS", async () => {
    const token = metadata.mintIdToken({ sub: "2".repeat(21) });
    const provider = fromGkeWorkloadIdentity({
      clientConfig: { region },
      idTokenProvider: { fetchIdToken: async () => token },
    });
    await expect(provider()).rejects.toMatchObject({ code: "STS_ACCESS_DENIED", tryNextLink: false });
  });
});
