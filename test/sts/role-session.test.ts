import { describe, expect, it } from "vitest";
import { readRoleSession, toSessionName } from "../../src/sts/session.js";

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
    expect(nameIn({ HOSTNAME: "pod-1" })).toBe("pod-1");
    expect(nameIn({ AWS_ROLE_SESSION_NAME: "", HOSTNAME: "pod-1" })).toBe("pod-1");
    expect(nameIn({})).toBe("gke-workload-identity");
  });

  it("says that no role is set, also when the variable is empty", () => {
    for (const env of [{}, { AWS_ROLE_ARN: "" }]) {
      expect(() => readRoleSession({}, env)).toThrow(expect.objectContaining({ code: "MISSING_ROLE_ARN" }));
    }
  });

  it("refuses a bad value of the environment by the variable's name", () => {
    expect(() => readRoleSession({}, { AWS_ROLE_ARN: "reader" })).toThrow(
      /^AWS_ROLE_ARN is a text of 6 characters, but must be /,
    );
    expect(() => readRoleSession({}, { AWS_ROLE_ARN, AWS_ROLE_SESSION_NAME: "a b" })).toThrow(
      /^AWS_ROLE_SESSION_NAME is a text of 3 characters, but must be /,
    );
  });
});

describe("toSessionName", () => {
  it.each([
    ["orders-7d9f5b6c4-x2x8z", "orders-7d9f5b6c4-x2x8z"],
    ["example.com:project.node", "example.com-project.node"],
    ["a b/c\né", "a-b-c--"],
    ["p".repeat(100), "p".repeat(64)],
    ["x", "gke-workload-identity"],
    ["", "gke-workload-identity"],
    [undefined, "gke-workload-identity"],
  ])("makes %j the legal name %j", (hostname, name) => {
    expect(toSessionName(hostname)).toBe(name);
    expect(toSessionName(hostname)).toMatch(/^[\w+=,.@-]{2,64}$/);
  });
});
