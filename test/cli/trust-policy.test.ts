import { execFileSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { createTrustPolicy, fromGkeWorkloadIdentity } from "../../src/index.js";
import { startAwsSts } from "../../src/testing/index.js";
import { cli } from "../support/cli.js";
import { ROLE_ARN, startTwoClouds, UNIQUE_ID } from "../support/two-clouds.js";

const AUDIENCE = "a'b\"c${d}";
const byFlags = (...more: string[]) => cli(["trust-policy", "--service-account-unique-id", UNIQUE_ID, ...more]);

describe("trust-policy", () => {
  it("prints what createTrustPolicy makes", async () => {
    const { code, stdout } = await byFlags("--audience", "gcp");
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual(createTrustPolicy({ serviceAccountUniqueId: UNIQUE_ID, audience: "gcp" }));
  });

  it("without an id takes this workload's own, from its ID token, as text", async () => {
    await using clouds = await startTwoClouds();
    const { code, stdout } = await cli(["trust-policy", "--audience", "gcp"]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual(createTrustPolicy({ serviceAccountUniqueId: UNIQUE_ID, audience: "gcp" }));
    expect(clouds.metadata.identityRequests()[0]?.query.audience).toBe("gcp");
    expect(clouds.sts.requests).toEqual([]);
  });

  it("lets the token in, and with any of its conditions changed does not", async () => {
    await using clouds = await startTwoClouds();
    const policy = JSON.parse((await cli(["trust-policy"])).stdout);
    const outcomes: Record<string, string> = {};
    for (const key of ["none", "accounts.google.com:aud", "accounts.google.com:oaud", "accounts.google.com:sub"]) {
      const trustPolicy = structuredClone(policy);
      if (key !== "none") trustPolicy.Statement[0].Condition.StringEquals[key] += "1";
      await using sts = await startAwsSts({
        jwksUri: clouds.metadata.jwksUri,
        roles: [{ arn: ROLE_ARN, trustPolicy }],
      });
      const clientConfig = { region: "us-east-1", endpoint: sts.url };
      outcomes[key] = await fromGkeWorkloadIdentity({ clientConfig })().then(
        () => "in",
        ({ code }) => code,
      );
    }
    expect(outcomes).toEqual({
      none: "in",
      "accounts.google.com:aud": "STS_ACCESS_DENIED",
      "accounts.google.com:oaud": "STS_ACCESS_DENIED",
      "accounts.google.com:sub": "STS_ACCESS_DENIED",
    });
  });

  it("as AWS CLI commands survives a shell, whatever the audience", async () => {
    const { stdout } = await byFlags("--format", "aws-cli", "--role-name", "reader", "--audience", AUDIENCE);
    // An `aws` that shows its arguments and fails, so that the second command runs too.
    const script = `aws() { for a in "$@"; do printf '%s\\0' "$a"; done; printf '\\1'; return 1; }\n${stdout}`;
    const calls = execFileSync("bash", ["-c", `${script} true || true`])
      .toString()
      .split("\u0001")
      .filter(Boolean)
      .map((call) => call.split("\0").filter(Boolean));
    expect(calls.map((args) => args.slice(0, -1))).toEqual([
      ["iam", "create-role", "--role-name", "reader", "--assume-role-policy-document"],
      ["iam", "update-assume-role-policy", "--role-name", "reader", "--policy-document"],
    ]);
    for (const args of calls) {
      expect(JSON.parse(args.at(-1)!)).toEqual(
        createTrustPolicy({ serviceAccountUniqueId: UNIQUE_ID, audience: AUDIENCE }),
      );
    }
  });

  it("names the role of AWS_ROLE_ARN, or asks for it", async () => {
    const named = await cli(["trust-policy", "--service-account-unique-id", UNIQUE_ID, "--format", "aws-cli"], {
      AWS_ROLE_ARN: "arn:aws:iam::123456789012:role/team/writer",
    });
    expect(named.stdout).toContain("--role-name writer ");
    const { code, stdout, stderr } = await cli(
      ["trust-policy", "--service-account-unique-id", UNIQUE_ID, "--format", "aws-cli"],
      { AWS_ROLE_ARN: "" },
    );
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toContain("needs --role-name");
  });

  it("as Terraform has the three conditions, with templates escaped", async () => {
    const { stdout } = await byFlags("--format", "terraform", "--audience", "%{x} ${y}");
    expect(stdout).toContain('data "aws_iam_policy_document" "gke_workload_identity" {');
    expect(
      [...stdout.matchAll(/variable = "(.*)"\n +values {3}= \[(.*)\]/g)].map(([, key, value]) => [key, value]),
    ).toEqual([
      ["accounts.google.com:aud", `"${UNIQUE_ID}"`],
      ["accounts.google.com:oaud", '"%%{x} $${$}{y}"'],
      ["accounts.google.com:sub", `"${UNIQUE_ID}"`],
    ]);
  });

  it.each([
    [["--format", "yaml"], "Allowed choices"],
    [["--role-name", "a b"], "1 to 64 characters"],
    [["--service-account-unique-id", "1"], 'serviceAccountUniqueId is "1"'],
  ])("%j is wrong usage", async (flags, text) => {
    const { code, stdout, stderr } = await cli(["trust-policy", ...flags]);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toContain(text);
  });
});
