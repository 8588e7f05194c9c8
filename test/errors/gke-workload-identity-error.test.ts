import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { isRetryable } from "../../src/errors/gke-workload-identity-error.js";
import {
  GkeWorkloadIdentityError,
  type GkeWorkloadIdentityErrorCode,
  isGkeWorkloadIdentityError,
} from "../../src/index.js";

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
      const error = new GkeWorkloadIdentityError(code, details);
      expect(error.message).toMatch(/^\S.*\.$/);
      expect(error.hint.length).toBeGreaterThan(20);
      expect(`${error.message}${error.hint}`).not.toMatch(/undefined|\[object/);
      expect(isRetryable(error)).toBe(CODES[code].retryable);
      expect(error.retryable).toBe(CODES[code].retryable);
      expect(error.tryNextLink).toBe(code === "NOT_ON_GOOGLE_CLOUD");
    }
  });

  it("carries its own name in the class, the stack and what console.error shows", () => {
    const error = new GkeWorkloadIdentityError("MISSING_ROLE_ARN");
    expect(error).toBeInstanceOf(Error);
    expect([error.name, error.constructor.name]).toEqual(["GkeWorkloadIdentityError", "GkeWorkloadIdentityError"]);
    expect(error.stack).toMatch(/^GkeWorkloadIdentityError: No AWS role/);
    expect(inspect(error)).toMatch(/^GkeWorkloadIdentityError: No AWS role/);
    expect(Object.keys(error)).toEqual(["code", "hint", "retryable", "tryNextLink"]);
  });

  it("lets a chain go on when the details say so", () => {
    const error = new GkeWorkloadIdentityError("METADATA_TIMEOUT", { tryNextLink: true });
    expect([error.tryNextLink, error.retryable]).toEqual([true, true]);
    expect(new GkeWorkloadIdentityError("NOT_ON_GOOGLE_CLOUD", { tryNextLink: false }).tryNextLink).toBe(false);
  });

  it("keeps the original failure as its cause, outside of what JSON shows", () => {
    const cause = new Error("connect ECONNREFUSED");
    const error = new GkeWorkloadIdentityError("METADATA_UNAVAILABLE", {}, { cause });
    expect(error.cause).toBe(cause);
    expect(inspect(error)).toContain("connect ECONNREFUSED");
    expect(Object.keys(error)).not.toContain("cause");
    expect("cause" in new GkeWorkloadIdentityError("MISSING_ROLE_ARN")).toBe(false);
  });

  it("is known by its brand, and a subclass by its own", () => {
    class Narrower extends GkeWorkloadIdentityError {}
    const error = new GkeWorkloadIdentityError("MISSING_ROLE_ARN");
    expect(new Narrower("MISSING_ROLE_ARN")).toBeInstanceOf(GkeWorkloadIdentityError);
    expect(new Narrower("MISSING_ROLE_ARN")).toBeInstanceOf(Narrower);
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
    expect(Reflect.get(new GkeWorkloadIdentityError("MISSING_ROLE_ARN"), brand)).toBe(true);
  });

  it("lets its cause be replaced, or taken away, by whoever passes it on", () => {
    const error = new GkeWorkloadIdentityError("STS_THROTTLED", {}, { cause: new Error("x") });
    error.cause = "y";
    expect(error.cause).toBe("y");
    delete error.cause;
    expect("cause" in error).toBe(false);
  });

  it("says that a token is of the node, in which account its role is, and what leads elsewhere", () => {
    const roleArn = "arn:aws:iam::123456789012:role/reader";
    const hintFor = (email: string) =>
      new GkeWorkloadIdentityError("STS_ACCESS_DENIED", { roleArn, claims: { email } }).hint;
    expect(hintFor("1-compute@developer.gserviceaccount.com")).toContain("of the node's service account, 1-compute@");
    expect(hintFor("reader@p.iam.gserviceaccount.com")).not.toContain("the node's service account");
    expect(hintFor("reader@p.iam.gserviceaccount.com")).toContain("in the account 123456789012.");
    const detours = ["GCE_METADATA_IP", "GCE_METADATA_HOST"];
    const { hint } = new GkeWorkloadIdentityError("METADATA_UNAVAILABLE", { detours });
    expect(hint).toContain("GCE_METADATA_IP and GCE_METADATA_HOST may lead requests");
    expect(new GkeWorkloadIdentityError("METADATA_UNAVAILABLE", { detours: [] }).hint).not.toContain("may lead");
  });

  it("shows for STS_ACCESS_DENIED the conditions that this token meets", () => {
    const claims = { azp: "111", aud: "gcp", sub: "222", email: "reader@p.iam.gserviceaccount.com" };
    const roleArn = "arn:aws:iam::123456789012:role/team/reader";
    const { hint } = new GkeWorkloadIdentityError("STS_ACCESS_DENIED", { claims, roleArn });
    expect(hint).toContain(
      '{"StringEquals":{"accounts.google.com:aud":"111","accounts.google.com:oaud":"gcp","accounts.google.com:sub":"222"}}',
    );
    expect(hint).toContain("aws iam get-role --role-name reader ");
    expect(hint).toContain("reader@p.iam.gserviceaccount.com");
  });

  it("names what it has in place of claims that a token lacks", () => {
    const { hint } = new GkeWorkloadIdentityError("STS_ACCESS_DENIED", { claims: { aud: ["a", "b"] } });
    expect(hint).toContain(
      '"accounts.google.com:aud":"a","accounts.google.com:oaud":"a","accounts.google.com:sub":"UNIQUE_ID"',
    );
  });
});
