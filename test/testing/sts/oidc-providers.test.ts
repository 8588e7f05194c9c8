import { AssumeRoleWithWebIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createTrustPolicy } from "../../../src/index.js";
import {
  type AwsStsOptions,
  type ClusterIssuer,
  startAwsSts,
  startClusterIssuer,
  type TrustPolicyDocument,
} from "../../../src/testing/index.js";

const awsAccountId = "123456789012";
const arn = `arn:aws:iam::${awsAccountId}:role/orders`;
const sub = "system:serviceaccount:shop:orders";

let cluster: ClusterIssuer;
beforeAll(async () => {
  cluster = await startClusterIssuer();
});
afterAll(() => cluster.close());

const trustPolicy = () =>
  createTrustPolicy({ issuer: cluster.issuer, awsAccountId, namespace: "shop", serviceAccountName: "orders" });

const claims = (over: object = {}) => ({
  sub,
  aud: ["sts.amazonaws.com"],
  exp: Math.floor(Date.now() / 1000) + 600,
  ...over,
});

async function assume(token: string, options: Partial<AwsStsOptions> = {}, roleArn = arn) {
  await using sts = await startAwsSts({
    oidcProviders: [cluster.oidcProvider(awsAccountId)],
    roles: [{ arn: roleArn, trustPolicy: trustPolicy() }],
    ...options,
  });
  const credentials = { accessKeyId: "x", secretAccessKey: "x" };
  const client = new STSClient({ region: "us-east-1", endpoint: sts.url, maxAttempts: 1, credentials });
  const input = { RoleArn: roleArn, RoleSessionName: "orders", WebIdentityToken: token };
  return await client.send(new AssumeRoleWithWebIdentityCommand(input));
}

describe("AssumeRoleWithWebIdentity with a cluster's token", () => {
  it("gives a session when the account has the provider and the role trusts it", async () => {
    expect(await assume(cluster.mintToken(claims()))).toMatchObject({
      Audience: "sts.amazonaws.com",
      Provider: cluster.oidcProvider(awsAccountId).arn,
      SubjectFromWebIdentityToken: sub,
    });
  });

  it("finds the keys through the discovery document when no jwksUri is given", async () => {
    await using own = await startClusterIssuer({ issuer: (url) => url });
    const { jwksUri: _, ...provider } = own.oidcProvider(awsAccountId);
    const issuer = own.issuer.replace("http://", "");
    const policy: TrustPolicyDocument = {
      Statement: {
        Effect: "Allow",
        Principal: { Federated: provider.arn },
        Action: "sts:AssumeRoleWithWebIdentity",
        Condition: { StringEquals: { [`${issuer}:sub`]: sub } },
      },
    };
    const options = { oidcProviders: [provider], roles: [{ arn, trustPolicy: policy }] };
    await expect(assume(own.mintToken(claims()), options)).resolves.toBeDefined();
  });

  it.each<[what: string, over: object, name: string, message: string]>([
    ["a wrong subject", { sub: "system:serviceaccount:shop:other" }, "AccessDenied", "Not authorized to perform"],
    ["no subject", { sub: undefined }, "AccessDenied", "Not authorized to perform"],
    ["a wrong audience", { aud: ["gcp"] }, "InvalidIdentityTokenException", "Incorrect token audience"],
    [
      "an issuer that is not registered",
      { iss: "https://issuer.example" },
      "InvalidIdentityTokenException",
      "No OpenIDConnect provider found in your account for https://issuer.example",
    ],
    ["an expiry long ago", { exp: 1 }, "ExpiredTokenException", "Token expired"],
  ])("refuses a token with %s", async (_, over, name, message) => {
    const outcome = assume(cluster.mintToken(claims(over)));
    await expect(outcome).rejects.toMatchObject({ name, message: expect.stringContaining(message) });
  });

  it("refuses an audience that the provider accepts and the trust policy does not", async () => {
    const oidcProviders = [cluster.oidcProvider(awsAccountId, ["sts.amazonaws.com", "gcp"])];
    const outcome = assume(cluster.mintToken(claims({ aud: ["gcp"] })), { oidcProviders });
    await expect(outcome).rejects.toMatchObject({ name: "AccessDenied" });
  });

  it("refuses when only another account has the provider", async () => {
    const oidcProviders = [cluster.oidcProvider("999999999999")];
    const outcome = assume(cluster.mintToken(claims()), { oidcProviders });
    await expect(outcome).rejects.toMatchObject({
      message: `No OpenIDConnect provider found in your account for ${cluster.issuer}`,
    });
  });

  it("refuses a token that another cluster signed under this issuer's name", async () => {
    await using other = await startClusterIssuer();
    const outcome = assume(other.mintToken(claims()));
    await expect(outcome).rejects.toMatchObject({ name: "InvalidIdentityTokenException" });
  });

  it("says that it could not fetch the keys while the issuer is down", async () => {
    const oidcProviders = [{ ...cluster.oidcProvider(awsAccountId), jwksUri: "http://127.0.0.1:9/jwks" }];
    const outcome = assume(cluster.mintToken(claims()), { oidcProviders });
    await expect(outcome).rejects.toMatchObject({ message: expect.stringContaining("Couldn't retrieve") });
  });

  it("refuses to start with an ARN that is not a provider's", async () => {
    const oidcProviders = [{ arn: cluster.issuer, clientIds: [] }];
    await expect(startAwsSts({ roles: [], oidcProviders })).rejects.toThrow(/is not the ARN of an IAM OIDC provider/);
  });
});
