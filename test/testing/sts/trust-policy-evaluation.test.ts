import { describe, expect, it } from "vitest";
import {
  isTrusted,
  type TrustPolicyDocument,
  type TrustPolicyStatement,
} from "../../../src/testing/sts/trust-policy-evaluation.js";

const id = "111035977024964273138";
const claims = { azp: id, sub: id, aud: "sts.amazonaws.com", email: "reader@example.com" };
const provider = "accounts.google.com";
const statement: TrustPolicyStatement = {
  Effect: "Allow",
  Principal: { Federated: provider },
  Action: "sts:AssumeRoleWithWebIdentity",
};
const trusts = (policy: TrustPolicyDocument, over: object = {}) => isTrusted(policy, provider, { ...claims, ...over });
const under = (Condition: NonNullable<TrustPolicyStatement["Condition"]>) =>
  trusts({ Statement: { ...statement, Condition } });

describe("a trust policy", () => {
  it("compares aud with the token's aud where it has no azp", () => {
    const Condition = { StringEquals: { "accounts.google.com:aud": "gcp" } };
    expect(trusts({ Statement: { ...statement, Condition } }, { azp: undefined, aud: "gcp" })).toBe(true);
  });

  it("is for its principals and actions only", () => {
    for (const change of [
      { Principal: { Federated: "cognito-identity.amazonaws.com" } },
      { Principal: {} },
      { Action: "sts:AssumeRole" },
      { Action: [] },
      { Effect: "Deny" },
    ]) {
      expect(trusts({ Statement: { ...statement, ...change } })).toBe(false);
    }
    for (const change of [{ Principal: "*" }, { Principal: { Federated: ["x", provider] } }, { Action: ["sts:*"] }]) {
      expect(trusts({ Statement: [{ ...statement, ...change }] })).toBe(true);
    }
  });

  it("denies where one statement denies", () => {
    expect(trusts({ Statement: [statement, { ...statement, Effect: "Deny" }] })).toBe(false);
  });

  it("meets conditions as IAM's string operators do", () => {
    expect(under({ StringEquals: { "accounts.google.com:sub": ["x", id] } })).toBe(true);
    expect(under({ StringEqualsIgnoreCase: { "accounts.google.com:email": "READER@example.com" } })).toBe(true);
    expect(under({ StringLike: { "accounts.google.com:email": "*@example.???" } })).toBe(true);
    expect(under({ StringLike: { "accounts.google.com:email": "*@example.co" } })).toBe(false);
    expect(under({ StringLike: { "accounts.google.com:email": "reader@exampleXcom" } })).toBe(false);
    expect(under({ StringEquals: { "accounts.google.com:azp": id } })).toBe(false);
    expect(under({ NumericEquals: { "accounts.google.com:sub": id } })).toBe(false);
  });
});
