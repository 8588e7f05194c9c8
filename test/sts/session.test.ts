import { describe, expect, it, vi } from "vitest";
import { checkSession, readRoleSession, roleArnOf, toSessionName } from "../../src/sts/session.js";

const AWS_ROLE_ARN = "arn:aws:iam::123456789012:role/reader";

describe("readRoleSession", () => {
  it("prefers the options to the environment", () => {
    const env = { AWS_ROLE_ARN, AWS_ROLE_SESSION_NAME: "from-env", HOSTNAME: "pod-1" };
    const options = { roleArn: "arn:aws:iam::123456789012:role/other", roleSessionName: "from-options" };
    expect(readRoleSession(options, env)).toEqual(options);
  });

  it("takes the session's name from AWS_ROLE_SESSION_NAME, else from the pod's name, else a fixed one", () => {
    const nameIn = (env: NodeJS.ProcessEnv) => readRoleSession({}, { AWS_ROLE_ARN, ...env }).roleSessionName;
    expect(nameIn({ AWS_ROLE_SESSION_NAME: "orders", HOSTNAME: "pod-1" })).toBe("orders");
    expect(nameIn({ AWS_ROLE_SESSION_NAME: "", HOSTNAME: "pod-1" })).toBe("pod-1");
    expect(nameIn({})).toBe("gke-workload-identity");
  });
});

describe("roleArnOf", () => {
  it("gives no role when the variable holds something else", () => {
    expect(roleArnOf({})).toBeUndefined();
    vi.stubEnv("AWS_ROLE_ARN", "a secret in the wrong place");
    expect(roleArnOf({})).toBeUndefined();
    expect(roleArnOf({ roleArn: AWS_ROLE_ARN })).toBe(AWS_ROLE_ARN);
  });
});

describe("toSessionName", () => {
  it.each([
    ["orders-7d9f5b6c4-x2x8z", "orders-7d9f5b6c4-x2x8z"],
    ["example.com:project.node", "example.com-project.node"],
    ["a b/c\né", "a-b-c--"],
    ["p".repeat(100), "p".repeat(64)],
    ["x", "gke-workload-identity"],
    [undefined, "gke-workload-identity"],
  ])("makes %j the legal name %j", (hostname, name) => {
    expect(toSessionName(hostname)).toBe(name);
  });
});

describe("checkSession", () => {
  const whole = { accessKeyId: "A", secretAccessKey: "S", sessionToken: "T", expiration: new Date() };

  it("keeps what an answer says, and adds the role's account when it has none", () => {
    const marked = { ...whole, $source: { CREDENTIALS_STS_ASSUME_ROLE_WEB_ID: "k" } };
    expect(checkSession(marked, AWS_ROLE_ARN)).toEqual({ ...marked, accountId: "123456789012" });
    expect(checkSession({ ...whole, accountId: "999999999999" }, AWS_ROLE_ARN).accountId).toBe("999999999999");
    for (const accountId of ["", "a.b", "9".repeat(64), {}])
      expect(checkSession({ ...whole, accountId }, AWS_ROLE_ARN).accountId).toBe("123456789012");
    expect(checkSession(whole, "arn:aws:iam:::role/x")).not.toHaveProperty("accountId");
  });

  it.each([
    ["accessKeyId", undefined],
    ["accessKeyId", { ...whole, accessKeyId: "" }],
    ["accessKeyId", { ...whole, accessKeyId: {} }],
    ["secretAccessKey", { ...whole, secretAccessKey: undefined }],
    ["sessionToken", { ...whole, sessionToken: undefined }],
    ["valid expiration", { ...whole, expiration: undefined }],
    ["valid expiration", { ...whole, expiration: new Date(Number.NaN) }],
    ["valid expiration", { ...whole, expiration: "2030-01-01" }],
  ])("refuses an answer that has no %s: %j", (missing, answer) => {
    expect(() => checkSession(answer, AWS_ROLE_ARN)).toThrow(`the answer has no ${missing}`);
  });
});
