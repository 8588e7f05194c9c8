import { inspect } from "node:util";
import { describe, expect, it, vi } from "vitest";
import { createError } from "../../src/errors/create-error.js";
import type { Platform } from "../../src/errors/error.js";
import { isRetryable } from "../../src/errors/error.js";
import {
  GkeWorkloadIdentityError,
  type GkeWorkloadIdentityErrorCode,
  isGkeWorkloadIdentityError,
} from "../../src/index.js";

describe("the hint without a Google service account", () => {
  it.each([
    ["NO_GOOGLE_SERVICE_ACCOUNT", /^Check the option serviceAccountEmail\. Then see whether .* exists, and attach it:/],
    ["GOOGLE_PERMISSION_DENIED", /^Check the option serviceAccountEmail, and that .* is not disabled:/],
  ] as const)("speaks of no pod when %s comes outside of Kubernetes", (code, hint) => {
    expect(createError(code, { platform: "cloud-run" }).hint).toMatch(hint);
  });

  it("says which address of a cluster's issuer must be readable when STS cannot fetch its keys", () => {
    const claims = { iss: "https://issuer.example/a", sub: "system:serviceaccount:shop:orders" };
    expect(createError("STS_IDP_UNREACHABLE", { claims }).hint).toContain(
      "The issuer's keys must be readable from the internet: https://issuer.example/a/.well-known/openid-configuration.",
    );
  });
});

const CODES: Record<GkeWorkloadIdentityErrorCode, { retryable: boolean }> = {
  NOT_ON_GOOGLE_CLOUD: { retryable: false },
  MISSING_ROLE_ARN: { retryable: false },
  INVALID_CONFIGURATION: { retryable: false },
  METADATA_UNAVAILABLE: { retryable: true },
  METADATA_TIMEOUT: { retryable: true },
  NO_GOOGLE_SERVICE_ACCOUNT: { retryable: false },
  GOOGLE_PERMISSION_DENIED: { retryable: false },
  INVALID_ID_TOKEN: { retryable: false },
  WEB_IDENTITY_TOKEN_FILE_MISSING: { retryable: true },
  WEB_IDENTITY_TOKEN_FILE_UNREADABLE: { retryable: false },
  WEB_IDENTITY_TOKEN_FILE_INVALID: { retryable: false },
  WEB_IDENTITY_TOKEN_FILE_EXPIRED: { retryable: true },
  STS_ACCESS_DENIED: { retryable: false },
  STS_INVALID_TOKEN: { retryable: false },
  STS_EXPIRED_TOKEN: { retryable: false },
  STS_IDP_UNREACHABLE: { retryable: true },
  STS_REGION_DISABLED: { retryable: false },
  STS_POLICY_INVALID: { retryable: false },
  STS_THROTTLED: { retryable: true },
  STS_UNREACHABLE: { retryable: true },
  STS_INVALID_RESPONSE: { retryable: false },
};
const codes = Object.keys(CODES) as GkeWorkloadIdentityErrorCode[];

describe("GkeWorkloadIdentityError", () => {
  it.each(codes)("%s says in one sentence what happened, and what to do", (code) => {
    for (const details of [{}, { reason: "a reason." }]) {
      const error = createError(code, details);
      expect(error.message).toMatch(/^\S.*\. How to fix it: see the error's hint, or node_modules\/\S+ \(\w+\)$/);
      expect(error.message).toContain(`troubleshooting.md#${code.toLowerCase()} (${code})`);
      expect(error.hint.length).toBeGreaterThan(20);
      expect(`${error.message}${error.hint}`).not.toMatch(/undefined|\[object/);
      expect(isRetryable(error)).toBe(CODES[code].retryable);
      expect(error.retryable).toBe(CODES[code].retryable);
      expect(error.tryNextLink).toBe(code === "NOT_ON_GOOGLE_CLOUD");
    }
  });

  it("carries its own name in the class, the stack and what console.error shows", () => {
    const error = createError("MISSING_ROLE_ARN");
    expect(error).toBeInstanceOf(Error);
    expect([error.name, error.constructor.name]).toEqual(["GkeWorkloadIdentityError", "GkeWorkloadIdentityError"]);
    expect(error.stack).toMatch(/^GkeWorkloadIdentityError: No AWS role/);
    expect(inspect(error)).toMatch(/^GkeWorkloadIdentityError: No AWS role/);
    expect(Object.keys(error)).toEqual(["code", "hint", "retryable", "tryNextLink"]);
  });

  it("lets a chain go on when the details say so", () => {
    const error = createError("METADATA_TIMEOUT", { tryNextLink: true });
    expect([error.tryNextLink, error.retryable]).toEqual([true, true]);
    expect(createError("NOT_ON_GOOGLE_CLOUD", { tryNextLink: false }).tryNextLink).toBe(false);
  });

  it("keeps a small copy of the original failure as its cause, outside of what JSON shows", () => {
    const socket = { remoteAddress: "10.0.0.1" };
    const original = Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED", status: 502, socket });
    const error = createError("METADATA_UNAVAILABLE", {}, { cause: original });
    expect(error.cause).toMatchObject({ name: "Error", message: "connect ECONNREFUSED", code: "ECONNREFUSED" });
    expect(error.cause).toMatchObject({ status: 502 });
    expect(inspect(error)).toContain("connect ECONNREFUSED");
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain("10.0.0.1");
    expect(Object.keys(error)).not.toContain("cause");
    expect("cause" in createError("MISSING_ROLE_ARN")).toBe(false);
  });

  it("does not say again in its cause what the message says", () => {
    const cause = Object.assign(new Error("Not authorized"), { name: "AccessDenied", status: 403 });
    const error = createError("STS_ACCESS_DENIED", { reason: "Not authorized" }, { cause });
    expect(error.cause).toMatchObject({ name: "AccessDenied", message: "HTTP status 403", text: "Not authorized" });
    expect((error.cause as Error).stack).toBe("AccessDenied: HTTP status 403");
  });

  it("is known by its brand, and a subclass by its own", () => {
    class Narrower extends GkeWorkloadIdentityError {}
    const error = createError("MISSING_ROLE_ARN");
    expect(new Narrower(error.code, error)).toBeInstanceOf(GkeWorkloadIdentityError);
    expect(new Narrower(error.code, error)).toBeInstanceOf(Narrower);
    expect(error).not.toBeInstanceOf(Narrower);
    for (const other of [undefined, null, "text", {}, new Error("x")]) {
      expect(other instanceof GkeWorkloadIdentityError).toBe(false);
      expect(isGkeWorkloadIdentityError(other)).toBe(false);
      expect(isRetryable(other)).toBe(false);
    }
  });

  it("is known by a brand that every copy of this package shares", () => {
    const brand = Symbol.for("gke-aws-credentials.GkeWorkloadIdentityError");
    const ofAnotherCopy = Object.defineProperty(new Error("x"), brand, { value: true });
    expect(ofAnotherCopy).toBeInstanceOf(GkeWorkloadIdentityError);
    expect(isGkeWorkloadIdentityError(ofAnotherCopy)).toBe(true);
    expect(Reflect.get(createError("MISSING_ROLE_ARN"), brand)).toBe(true);
  });

  it("lets its cause be replaced, or taken away, by whoever passes it on", () => {
    const error = createError("STS_THROTTLED", {}, { cause: new Error("x") });
    error.cause = "y";
    expect(error.cause).toBe("y");
    delete error.cause;
    expect("cause" in error).toBe(false);
  });

  it("says that a token is of the node, in which account its role is, and what leads elsewhere", () => {
    const roleArn = "arn:aws:iam::123456789012:role/reader";
    const hintFor = (email: string) => createError("STS_ACCESS_DENIED", { roleArn, claims: { email } }).hint;
    expect(hintFor("1-compute@developer.gserviceaccount.com")).toContain("of the node's service account, 1-compute@");
    expect(hintFor("reader@p.iam.gserviceaccount.com")).not.toContain("the node's service account");
    expect(hintFor("reader@p.iam.gserviceaccount.com")).toContain("in the AWS account 123456789012;");
    const claims = { email: "1-compute@developer.gserviceaccount.com" };
    const { hint: onMachine } = createError("STS_ACCESS_DENIED", {
      claims,
      platform: "compute-engine",
    });
    expect(onMachine).toContain("of Compute Engine's default service account, 1-compute@");
    expect(onMachine).not.toMatch(/\b(?:pod|node)\b/);
    const detours = ["GCE_METADATA_HOST", "GCE_METADATA_IP"];
    const { hint } = createError("METADATA_UNAVAILABLE", { detours });
    expect(hint).toContain("GCE_METADATA_HOST and GCE_METADATA_IP may lead requests");
    expect(createError("METADATA_UNAVAILABLE", { detours: [] }).hint).not.toContain("may lead");
  });

  it("says for STS_ACCESS_DENIED first what this process asked for, then what the role must allow", () => {
    const claims = { azp: "111", aud: "gcp", sub: "222", email: "reader@p.iam.gserviceaccount.com" };
    const roleArn = "arn:aws:iam::123456789012:role/team/reader";
    const { hint } = createError("STS_ACCESS_DENIED", { claims, roleArn });
    expect(hint).toMatch(
      /^First check this process: it asked for the audience "gcp" \(option audience, or --audience\)/,
    );
    expect(hint).toContain(
      '{"StringEquals":{"accounts.google.com:aud":"111","accounts.google.com:oaud":"gcp","accounts.google.com:sub":"222"}}',
    );
    expect(hint).toContain("aws iam get-role --role-name reader ");
    expect(hint).toContain("replaces the whole policy");
    expect(hint).toContain("reader@p.iam.gserviceaccount.com");
    expect(hint.indexOf("First check this process")).toBeLessThan(hint.indexOf("aws iam"));
  });

  it("shows for a token of a cluster the policy with its issuer's IAM OIDC provider", () => {
    const iss = "https://container.googleapis.com/v1/projects/shop/locations/l/clusters/c";
    const claims = { iss, aud: ["sts.amazonaws.com"], sub: "system:serviceaccount:shop:orders" };
    const roleArn = "arn:aws:iam::123456789012:role/reader";
    const { hint } = createError("STS_ACCESS_DENIED", { claims, roleArn });
    const provider = "container.googleapis.com/v1/projects/shop/locations/l/clusters/c";
    expect(hint).toContain(`"Federated":"arn:aws:iam::123456789012:oidc-provider/${provider}"`);
    expect(hint).toContain(`"${provider}:aud":"sts.amazonaws.com","${provider}:sub":"${claims.sub}"`);
  });

  it("names what it has in place of claims that a token lacks", () => {
    const { hint } = createError("STS_ACCESS_DENIED", { claims: { aud: ["a", "b"] } });
    expect(hint).toContain(
      '"accounts.google.com:aud":"a","accounts.google.com:oaud":"a","accounts.google.com:sub":"UNIQUE_ID"',
    );
  });

  const ON_PLATFORMS = [
    "MISSING_ROLE_ARN",
    "METADATA_UNAVAILABLE",
    "METADATA_TIMEOUT",
    "NO_GOOGLE_SERVICE_ACCOUNT",
    "GOOGLE_PERMISSION_DENIED",
  ] as const;

  const OFF_KUBERNETES = ["cloud-run", "cloud-run-job", "cloud-run-worker-pool", "compute-engine"] as const;

  it.each(ON_PLATFORMS)("%s has kubectl and GKE in its hint only when the process may be in Kubernetes", (code) => {
    const hintOn = (platform: Platform) => createError(code, { platform }).hint;
    expect(hintOn("kubernetes")).toMatch(/kubectl|GKE|iam\.workloadIdentityUser/);
    for (const platform of OFF_KUBERNETES)
      expect(hintOn(platform)).not.toMatch(/kubectl|GKE|node pool|NetworkPolicy|pod|workloadIdentityUser/);
  });

  it.each(Object.keys(CODES) as GkeWorkloadIdentityErrorCode[])("%s has no kubectl off Kubernetes", (code) => {
    for (const platform of OFF_KUBERNETES) {
      const details = { platform, tokenFile: "/run/token", claims: { iss: "https://accounts.google.com" } };
      expect(createError(code, details).hint).not.toContain("kubectl");
    }
  });

  it("knows Cloud Run and Kubernetes by the variables that they set", () => {
    vi.stubEnv("K_SERVICE", "orders");
    expect(createError("MISSING_ROLE_ARN").hint).toContain("gcloud run services update");
    vi.stubEnv("KUBERNETES_SERVICE_HOST", "10.0.0.1");
    expect(createError("MISSING_ROLE_ARN").hint).toContain("kubectl set env");
  });

  it.each([
    ["K_SERVICE", "gcloud run services update SERVICE"],
    ["CLOUD_RUN_JOB", "gcloud run jobs update JOB"],
    ["CLOUD_RUN_WORKER_POOL", "gcloud run worker-pools update WORKER_POOL"],
  ])("has the command for what sets %s", (variable, command) => {
    vi.stubEnv(variable, "orders");
    expect(createError("MISSING_ROLE_ARN").hint).toContain(`${command} --update-env-vars`);
    expect(createError("NO_GOOGLE_SERVICE_ACCOUNT").hint).toContain(`${command} --service-account`);
    expect(createError("METADATA_TIMEOUT").hint).not.toMatch(/kubectl|NetworkPolicy/);
  });
});
