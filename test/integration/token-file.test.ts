import { inspect } from "node:util";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { describe, expect, it, vi } from "vitest";
import type { GkeWorkloadIdentityEvent } from "../../src/index.js";
import { fakeIdTokenProvider, startGoogleMetadataServer } from "../../src/testing/index.js";
import { cli } from "../support/cli.js";
import { ACCOUNT_ID, startClusterCloud } from "../support/cluster-cloud.js";
import { failureOf, provide, REGION } from "../support/provide.js";

/** The volume that a pod must have. */
const VOLUME = "serviceAccountToken {audience: sts.amazonaws.com";

describe("a provider with a token file", () => {
  it("gives a session for the file that AWS_WEB_IDENTITY_TOKEN_FILE names, and asks no metadata server", async () => {
    await using cloud = await startClusterCloud();
    await using metadata = await startGoogleMetadataServer();
    vi.stubEnv("GCE_METADATA_HOST", metadata.host);
    const client = new STSClient({ region: REGION, credentials: provide() });
    const { Arn } = await client.send(new GetCallerIdentityCommand({}));
    expect(Arn).toBe(`arn:aws:sts::${ACCOUNT_ID}:assumed-role/orders/orders-7d9f5b6c4-x2x8z`);
    expect(metadata.requests).toEqual([]);
    expect(cloud.sts.requests.map(({ action }) => action)).toEqual(["AssumeRoleWithWebIdentity", "GetCallerIdentity"]);
  });

  it("prefers the option to the variable, and reads the variable at the first request", async () => {
    await using cloud = await startClusterCloud();
    const byVariable = provide();
    vi.stubEnv("AWS_WEB_IDENTITY_TOKEN_FILE", "/no/such/file");
    await expect(provide({ webIdentityTokenFile: cloud.token.file })()).resolves.toBeDefined();
    expect((await failureOf(byVariable)).code).toBe("WEB_IDENTITY_TOKEN_FILE_MISSING");
  });

  it.each([
    ["idTokenProvider", "STS_INVALID_TOKEN", () => ({ idTokenProvider: fakeIdTokenProvider() })],
    ["serviceAccountEmail", "STS_ACCESS_DENIED", () => ({ serviceAccountEmail: "default" })],
  ])(
    "does not read the variable's file when the option %s asks for a Google ID token",
    async (name, refusal, options) => {
      await using metadata = await startGoogleMetadataServer();
      await using cloud = await startClusterCloud({}, { jwksUri: metadata.jwksUri });
      vi.stubEnv("GCE_METADATA_HOST", metadata.host);
      expect((await failureOf(provide(options()))).code).toBe(refusal);
      expect(metadata.identityRequests()).toHaveLength(name === "idTokenProvider" ? 0 : 1);
      expect(cloud.sts.requests).toHaveLength(1);
    },
  );

  it("reads the file again at each refresh", async () => {
    await using cloud = await startClusterCloud();
    const provider = provide();
    const first = await provider();
    cloud.token.rotate();
    const second = await provider({ forceRefresh: true });
    expect(second.accessKeyId).not.toBe(first.accessKeyId);
    cloud.token.injectFault({ kind: "expired" });
    const error = await failureOf(() => provider({ forceRefresh: true }));
    expect([error.code, error.retryable]).toEqual(["WEB_IDENTITY_TOKEN_FILE_EXPIRED", true]);
    expect(error.hint).toMatch(/subPath/);
    expect(await provider()).toBe(second);
  });

  it("serves traffic without a failure while the token rotates every few milliseconds", async () => {
    await using cloud = await startClusterCloud({ rotateEveryMs: 10 });
    const events: GkeWorkloadIdentityEvent["type"][] = [];
    const provider = provide({ onEvent: ({ type }) => events.push(type) });
    const client = new STSClient({ region: REGION, credentials: provider, maxAttempts: 1 });
    const work = async () => {
      for (let request = 0; request < 10; request += 1) {
        await Promise.all([client.send(new GetCallerIdentityCommand({})), provider({ forceRefresh: true })]);
      }
    };
    await Promise.all([work(), work(), work()]);
    expect(cloud.token.rotations()).toBeGreaterThan(5);
    expect(events.filter((type) => type === "refreshSucceeded").length).toBeGreaterThanOrEqual(10);
    expect(events).not.toContain("refreshFailed");
  });

  it.each([
    ["missing", "MISSING", VOLUME],
    ["empty", "INVALID", VOLUME],
    ["halfWritten", "INVALID", VOLUME],
    ["wrongAudience", "INVALID", VOLUME],
    ["expired", "EXPIRED", "The file was not renewed."],
  ] as const)(
    "fails with a code of its own, without a call of STS and without the token, when the file is %s",
    async (kind, code, hint) => {
      await using cloud = await startClusterCloud();
      cloud.token.injectFault({ kind });
      const error = await failureOf(provide());
      expect([error.code, error.tryNextLink]).toEqual([`WEB_IDENTITY_TOKEN_FILE_${code}`, false]);
      expect(error.message).toContain(cloud.token.file);
      expect(error.hint).toContain(hint);
      expect(cloud.sts.requests).toEqual([]);
      for (const token of cloud.cluster.issuedTokens)
        expect(inspect(error, { depth: 20 })).not.toContain(token.slice(0, 80));
    },
  );
});

describe("the command with a token file", () => {
  it.each(["AWS_WEB_IDENTITY_TOKEN_FILE", "--web-identity-token-file"])(
    "is a credential_process without a metadata server when %s names the file",
    async (name) => {
      await using cloud = await startClusterCloud();
      const args = name.startsWith("--") ? [name, cloud.token.file] : [];
      if (args.length > 0) vi.stubEnv("AWS_WEB_IDENTITY_TOKEN_FILE", "");
      const { code, stdout } = await cli(["credential-process", "--region", REGION, ...args]);
      expect([code, JSON.parse(stdout).Version, cloud.sts.sessionCount()]).toEqual([0, 1, 1]);
    },
  );

  it("doctor walks to the end, and says whose token it found and whom the role must trust", async () => {
    await using cloud = await startClusterCloud();
    const { code, stdout } = await cli(["doctor", "--region", REGION]);
    expect(stdout).toContain(`the token comes from the file ${cloud.token.file}`);
    expect(stdout).toContain("a GKE cluster's: sub system:serviceaccount:shop:orders");
    expect(stdout).toContain(`assumed-role/orders/`);
    expect(code).toBe(0);
  });

  it("doctor stops at a token file that is not there, with its code", async () => {
    await using cloud = await startClusterCloud();
    cloud.token.injectFault({ kind: "missing" });
    const { code, stdout } = await cli(["doctor", "--json", "--region", REGION]);
    const { steps } = JSON.parse(stdout) as { steps: { name: string; status: string; code?: string }[] };
    expect(steps.find(({ status }) => status === "failed")).toMatchObject({
      name: "ID token",
      code: "WEB_IDENTITY_TOKEN_FILE_MISSING",
    });
    expect(code).toBe(1);
  });

  it("token prints Google's token all the same, because it may be what writes the file", async () => {
    await using metadata = await startGoogleMetadataServer();
    await using _ = await startClusterCloud();
    const { code, stdout } = await cli(["token"], { GCE_METADATA_HOST: metadata.host });
    expect([code, stdout.trim()]).toEqual([0, metadata.issuedTokens[0]]);
  });
});

describe("a refusal of a cluster's token", () => {
  it("leads to create-open-id-connect-provider with the issuer and the audience when the account has no provider", async () => {
    await using cloud = await startClusterCloud({}, { oidcProviders: [] });
    const error = await failureOf(provide());
    expect(error.code).toBe("STS_INVALID_TOKEN");
    expect(error.message).toContain(`did not accept the token of ${cloud.cluster.issuer}`);
    expect(error.hint).toContain(
      `aws iam create-open-id-connect-provider --url ${cloud.cluster.issuer} --client-id-list sts.amazonaws.com`,
    );
    expect(error.hint).not.toContain("delete-open-id-connect-provider");
  });

  it("leads to add-client-id-to-open-id-connect-provider when the provider does not list the audience", async () => {
    await using cloud = await startClusterCloud({ audience: "aws" });
    const error = await failureOf(provide({ audience: "aws" }));
    const { arn } = cloud.cluster.oidcProvider(ACCOUNT_ID);
    expect(error.code).toBe("STS_INVALID_TOKEN");
    expect(error.hint).toContain(
      `aws iam add-client-id-to-open-id-connect-provider --open-id-connect-provider-arn ${arn} --client-id aws`,
    );
  });

  it("says that a cluster made again has new keys when the signature is wrong", async () => {
    await using cloud = await startClusterCloud();
    await using again = await startClusterCloud({}, { oidcProviders: [cloud.cluster.oidcProvider(ACCOUNT_ID)] });
    expect(again.cluster.issuer).toBe(cloud.cluster.issuer);
    const error = await failureOf(provide());
    expect([error.code, error.hint]).toEqual(["STS_INVALID_TOKEN", expect.stringContaining("has new keys")]);
  });

  it("shows the values that the trust policy must have when the role trusts another service account", async () => {
    await using cloud = await startClusterCloud({ serviceAccountName: "other" });
    const error = await failureOf(provide());
    expect(error.code).toBe("STS_ACCESS_DENIED");
    const name = cloud.cluster.issuer.replace("https://", "");
    expect(error.hint).toContain(`${name}:aud = sts.amazonaws.com, ${name}:sub = system:serviceaccount:shop:other.`);
    expect(error.hint).toContain(
      `trust-policy --issuer ${cloud.cluster.issuer} --namespace shop --service-account-name other --aws-account-id ${ACCOUNT_ID}`,
    );
    expect(error.hint).not.toMatch(/accounts\.google\.com|unique id/);
  });

  it("names the issuer when STS cannot fetch its keys", async () => {
    await using cloud = await startClusterCloud();
    await cloud.cluster.refuseConnections();
    const error = await failureOf(provide({ timeoutMs: 1_500 }));
    expect(error.code).toBe("STS_IDP_UNREACHABLE");
    expect(error.hint).toContain(`${cloud.cluster.issuer}/.well-known/openid-configuration`);
  });
});
