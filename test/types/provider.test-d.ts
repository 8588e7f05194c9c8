import { BedrockRuntimeClient } from "@aws-sdk/client-bedrock-runtime";
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { S3Client } from "@aws-sdk/client-s3";
import { STSClient } from "@aws-sdk/client-sts";
import { createCredentialChain, fromTemporaryCredentials } from "@aws-sdk/credential-providers";
import type { RuntimeConfigAwsCredentialIdentityProvider } from "@aws-sdk/types";
import { SignatureV4 } from "@smithy/signature-v4";
import type { AwsCredentialIdentityProvider } from "@smithy/types";
import { Compute, Impersonated } from "google-auth-library";
import { describe, expectTypeOf, it } from "vitest";
import { createError } from "../../src/errors/create-error.js";
import {
  createTrustPolicy,
  fromGkeWorkloadIdentity,
  type GkeWorkloadIdentityErrorCode,
  type GkeWorkloadIdentityEvent,
} from "../../src/index.js";
import { fakeIdTokenProvider, fakeRoleAssumer, startAwsSts } from "../../src/testing/index.js";
import { Sha256 } from "../support/sha256.js";

describe("the provider", () => {
  const credentials = fromGkeWorkloadIdentity();

  it("is what the SDK calls a credential provider", () => {
    expectTypeOf(credentials).toExtend<AwsCredentialIdentityProvider>();
    expectTypeOf(credentials).toExtend<RuntimeConfigAwsCredentialIdentityProvider>();
    expectTypeOf(credentials()).resolves.toHaveProperty("expiration").toEqualTypeOf<Date>();
  });

  it("is taken by clients, chains and role chaining", () => {
    new S3Client({ credentials });
    new STSClient({ credentials });
    new DynamoDBClient({ credentials });
    new BedrockRuntimeClient({ credentials });
    new SignatureV4({ credentials, region: "eu-west-1", service: "execute-api", sha256: Sha256 });
    createCredentialChain(credentials);
    fromTemporaryCredentials({ masterCredentials: credentials, params: { RoleArn: "arn", RoleSessionName: "name" } });
  });
});

describe("the options", () => {
  it("take the clients of google-auth-library and the fakes", () => {
    fromGkeWorkloadIdentity({ idTokenProvider: new Compute() });
    fromGkeWorkloadIdentity({ idTokenProvider: new Impersonated() });
    fromGkeWorkloadIdentity({ idTokenProvider: fakeIdTokenProvider(), roleAssumerWithWebIdentity: fakeRoleAssumer() });
  });

  it("may be undefined, and lists may be read-only", () => {
    fromGkeWorkloadIdentity({ roleArn: process.env.ROLE, durationSeconds: undefined });
    fromGkeWorkloadIdentity({ stsRegions: ["eu-west-1", "eu-central-1"] as const });
    fromGkeWorkloadIdentity({ clientConfig: { region: "eu-west-1", maxAttempts: 5 } });
  });

  it("do not compile when they are wrong", () => {
    // @ts-expect-error a name that does not exist
    fromGkeWorkloadIdentity({ roleARN: "arn:aws:iam::123456789012:role/reader" });
    // @ts-expect-error text in place of a number
    fromGkeWorkloadIdentity({ durationSeconds: "3600" });
    // @ts-expect-error one region in place of a list
    fromGkeWorkloadIdentity({ stsRegions: "us-east-1" });
    // @ts-expect-error a function in place of a provider
    fromGkeWorkloadIdentity({ idTokenProvider: async () => "token" });
    // @ts-expect-error an option of the STS client that does not exist
    fromGkeWorkloadIdentity({ clientConfig: { regoin: "us-east-1" } });
    // @ts-expect-error a trust policy for nobody
    createTrustPolicy({});
    // @ts-expect-error a number loses digits
    createTrustPolicy({ serviceAccountUniqueId: 21 });
    // @ts-expect-error an STS without roles
    startAwsSts({});
  });
});

describe("errors and events", () => {
  it("can be told apart by their code and type, each one", () => {
    const error = createError("STS_THROTTLED");
    expectTypeOf(error.code).toEqualTypeOf<GkeWorkloadIdentityErrorCode>();
    expectTypeOf(error.hint).toBeString();
    const describeEvent = (event: GkeWorkloadIdentityEvent): string => {
      switch (event.type) {
        case "refreshStarted":
        case "refreshSucceeded":
          return event.reason;
        case "refreshFailed":
          return event.code;
        case "staleServed":
          return event.expiration.toISOString();
        case "stsRegionDefaulted":
          return event.region;
        case "stsRegionFailover":
          return event.to;
      }
    };
    expectTypeOf(describeEvent).returns.toBeString();
  });
});
