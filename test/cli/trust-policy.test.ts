import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { describe, expect, it, vi } from "vitest";
import { createTrustPolicy, fromGkeWorkloadIdentity } from "../../src/index.js";
import { fakeIdTokenProvider, startAwsSts } from "../../src/testing/index.js";
import { startMetadataAnswering } from "../support/answering-server.js";
import { cli } from "../support/cli.js";
import { ACCOUNT_ID, CLUSTER_ROLE_ARN, startClusterCloud } from "../support/cluster-cloud.js";
import { ROLE_ARN, startTwoClouds, UNIQUE_ID } from "../support/two-clouds.js";
import { useDirectory } from "../support/use-directory.js";

const path = useDirectory();
const AUDIENCE = "a'b\"c${d}";
const byFlags = (...more: string[]) => cli(["trust-policy", "--service-account-unique-id", UNIQUE_ID, ...more]);

describe("trust-policy", () => {
  it.each(["gcp", "\u2028\u{e0041}"])(
    "prints what createTrustPolicy makes, in ASCII, with audience %j",
    async (audience) => {
      const { code, stdout } = await byFlags("--audience", audience);
      expect(code).toBe(0);
      expect(stdout).toMatch(/^[\x20-\x7e\n]+$/);
      expect(JSON.parse(stdout)).toEqual(createTrustPolicy({ serviceAccountUniqueId: UNIQUE_ID, audience }));
    },
  );

  it("without an id takes this workload's own, from its ID token, as text", async () => {
    await using clouds = await startTwoClouds();
    const { code, stdout } = await cli(["trust-policy", "--audience", "gcp"]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual(createTrustPolicy({ serviceAccountUniqueId: UNIQUE_ID, audience: "gcp" }));
    expect(clouds.metadata.identityRequests()[0]?.query.audience).toBe("gcp");
    expect(clouds.sts.requests).toEqual([]);
  });

  it("makes a policy that allows the token, and does not when any of its conditions is changed", async () => {
    await using clouds = await startTwoClouds();
    const policy = JSON.parse((await cli(["trust-policy"])).stdout);
    const outcomeWith = async (changed?: string) => {
      const trustPolicy = structuredClone(policy);
      if (changed) trustPolicy.Statement[0].Condition.StringEquals[`accounts.google.com:${changed}`] += "1";
      await using sts = await startAwsSts({
        jwksUri: clouds.metadata.jwksUri,
        roles: [{ arn: ROLE_ARN, trustPolicy }],
      });
      const provide = fromGkeWorkloadIdentity({ clientConfig: { region: "us-east-1", endpoint: sts.url } });
      return await provide().then(
        () => "in",
        ({ code }) => code,
      );
    };
    expect(await outcomeWith()).toBe("in");
    for (const key of ["aud", "oaud", "sub"]) expect(await outcomeWith(key)).toBe("STS_ACCESS_DENIED");
  });

  const SHELLS = ["sh", "bash"] as const;
  /** What an `aws` was called with whose `create-role` fails with this text, or works when there is none. */
  const callsOf = (shell: string, script: string, failure = "") => {
    const aws = `aws() {
      for word in "$@"; do printf '%s\\0' "$word" >&3; done; printf '\\1' >&3
      if [ "$2" = create-role ] && [ -n "$FAILURE" ]; then echo "$FAILURE" >&2; return 254; fi
    }`;
    const { stdout, stderr, status } = spawnSync(shell, ["-c", `exec 3>&1 1>&2\n${aws}\n${script}`], {
      encoding: "utf8",
      env: { ...process.env, FAILURE: failure },
    });
    const calls = stdout.split("\u0001").filter(Boolean);
    return { calls: calls.map((call) => call.split("\0").slice(0, -1)), stderr, status };
  };
  const EXISTS = "An error occurred (EntityAlreadyExists) when calling the CreateRole operation: it exists.";

  it.each(SHELLS)("as AWS CLI commands survives %s, whatever the audience", async (shell) => {
    const { stdout } = await byFlags("--format", "aws-cli", "--role-name", "-reader", "--audience", AUDIENCE);
    const policy = createTrustPolicy({ serviceAccountUniqueId: UNIQUE_ID, audience: AUDIENCE });
    const { calls, stderr, status } = callsOf(shell, stdout, EXISTS);
    expect(calls.map((words) => words.slice(0, -1))).toEqual([
      ["iam", "create-role", "--role-name=-reader", "--assume-role-policy-document"],
      ["iam", "update-assume-role-policy", "--role-name=-reader", "--policy-document"],
    ]);
    for (const words of calls) expect(JSON.parse(words.at(-1) ?? "")).toEqual(policy);
    expect([status, stderr]).toEqual([0, "The role exists already: this replaces its whole trust policy.\n"]);
  });

  it.each(SHELLS)(
    "as AWS CLI commands changes no role in %s when create-role worked or failed otherwise",
    async (shell) => {
      const { stdout } = await byFlags("--format", "aws-cli", "--role-name", "EntityAlreadyExists");
      expect(callsOf(shell, stdout)).toMatchObject({ calls: [expect.arrayContaining(["create-role"])], status: 0 });
      const denied =
        "An error occurred (AccessDenied) when calling the CreateRole operation: not authorized on resource: arn:aws:iam::1:role/EntityAlreadyExists";
      const { calls, stderr, status } = callsOf(shell, stdout, denied);
      expect([calls.length, stderr, status]).toEqual([1, `${denied}\n`, 1]);
    },
  );

  it("allows a token whose azp is not the service account's unique id, and says so", async () => {
    await using clouds = await startTwoClouds();
    const azp = "32555940559.apps.googleusercontent.com";
    const identity = clouds.metadata.mintIdToken({ azp, aud: "sts.amazonaws.com" });
    await using metadata = await startMetadataAnswering({ identity });
    vi.stubEnv("GCE_METADATA_HOST", metadata.host);
    const { code, stdout, stderr } = await cli(["trust-policy"]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout).Statement[0].Condition.StringEquals).toEqual({
      "accounts.google.com:aud": azp,
      "accounts.google.com:oaud": "sts.amazonaws.com",
      "accounts.google.com:sub": UNIQUE_ID,
    });
    expect(stderr).toContain("azp is not the service account's unique id");
  });

  it("names the role of AWS_ROLE_ARN when it has no --role-name", async () => {
    vi.stubEnv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/team/writer");
    expect((await byFlags("--format", "aws-cli")).stdout).toContain("--role-name writer ");
  });

  it("as Terraform has the three conditions, with templates escaped", async () => {
    const { stdout } = await byFlags("--format", "terraform", "--audience", "%{x} ${y}");
    expect(stdout).toContain('data "aws_iam_policy_document" "gke_workload_identity" {');
    expect(
      [...stdout.matchAll(/variable = "(.*)"\n +values {3}= \[(.*)\]/g)].map(([, key, value]) => [key, value]),
    ).toEqual([
      ["accounts.google.com:aud", `"${UNIQUE_ID}"`],
      ["accounts.google.com:oaud", '"%\\u007bx} $\\u007b$}{y}"'],
      ["accounts.google.com:sub", `"${UNIQUE_ID}"`],
    ]);
  });

  it.each<[audience: string, written: string]>([
    ['tab\t, line\n, quote " and \\', '"tab\\t, line\\n, quote \\" and \\\\"'],
    ["a\u202eb\u2028", '"a\\u202eb\\u2028"'],
    ["%%{if} $", '"%%\\u007bif} $"'],
    ["plain é 日本", '"plain é 日本"'],
  ])("as Terraform uses the escapes of HCL, and begins no template: %j", async (audience, written) => {
    const { stdout } = await byFlags("--format", "terraform", "--audience", audience);
    expect(stdout).toContain(`values   = [${written}]`);
  });

  it("as Terraform gives a text with &{ in a document of its own, where the provider does not change it", async () => {
    const { stdout } = await byFlags("--format", "terraform", "--audience", "a&{b} ${c}");
    const [, document = ""] = /^ {2}source_policy_documents = \[(".*")\]$/m.exec(stdout) ?? [];
    const policy = JSON.parse(JSON.parse(document));
    expect(policy).toEqual(createTrustPolicy({ serviceAccountUniqueId: UNIQUE_ID, audience: "a&{b} ${c}" }));
    expect(stdout).not.toMatch(/statement \{|\$\{/);
  });
});

describe("trust-policy for a cluster's tokens", () => {
  const issuer = "https://container.googleapis.com/v1/projects/p/locations/l/clusters/blue";
  const cluster = { awsAccountId: "123456789012", namespace: "shop", serviceAccountName: "orders" };
  const flags = ["--issuer", issuer, "--namespace", "shop", "--service-account-name", "orders"];
  const account = ["--aws-account-id", "123456789012"];

  it("prints what createTrustPolicy makes, with a statement for each --issuer", async () => {
    const one = await cli(["trust-policy", ...flags, ...account]);
    expect([one.code, JSON.parse(one.stdout)]).toEqual([0, createTrustPolicy({ issuer, ...cluster })]);
    const two = await cli(["trust-policy", ...flags, ...account, "--issuer", `${issuer}-2`, "--audience", "aws"]);
    const both = { issuer: [issuer, `${issuer}-2`], ...cluster, audience: "aws" };
    expect(JSON.parse(two.stdout)).toEqual(createTrustPolicy(both));
  });

  it("takes account and partition from AWS_ROLE_ARN, unless flags name them", async () => {
    const env = { AWS_ROLE_ARN: "arn:aws-cn:iam::999999999999:role/orders" };
    const { stdout } = await cli(["trust-policy", ...flags], env);
    expect(stdout).toContain("arn:aws-cn:iam::999999999999:oidc-provider/container.googleapis.com/");
    const named = await cli(["trust-policy", ...flags, ...account, "--aws-partition", "aws-us-gov"], env);
    expect(named.stdout).toContain("arn:aws-us-gov:iam::123456789012:oidc-provider/");
  });

  it("without flags takes the token of AWS_WEB_IDENTITY_TOKEN_FILE, and the policy allows that token", async () => {
    await using cloud = await startClusterCloud();
    const { code, stdout } = await cli(["trust-policy"]);
    expect(code).toBe(0);
    const trustPolicy = JSON.parse(stdout);
    await using sts = await startAwsSts({
      oidcProviders: [cloud.cluster.oidcProvider(ACCOUNT_ID)],
      roles: [{ arn: CLUSTER_ROLE_ARN, trustPolicy }],
    });
    const clientConfig = { region: "us-east-1", endpoint: sts.url };
    await expect(fromGkeWorkloadIdentity({ clientConfig })()).resolves.toBeDefined();
  });

  it("is for Google's account when the file holds a Google ID token", async () => {
    const file = path("token");
    writeFileSync(file, await fakeIdTokenProvider().fetchIdToken("sts.amazonaws.com"));
    const { code, stdout } = await cli(["trust-policy"], { AWS_WEB_IDENTITY_TOKEN_FILE: file });
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual(createTrustPolicy({ serviceAccountUniqueId: UNIQUE_ID }));
  });

  it("refuses a token in the file that is not one of a Kubernetes service account", async () => {
    const file = path("token");
    const provider = fakeIdTokenProvider({ claims: { iss: "https://issuer.example", sub: "orders" } });
    writeFileSync(file, await provider.fetchIdToken("sts.amazonaws.com"));
    const { code, stdout, stderr } = await cli(["trust-policy"], { AWS_WEB_IDENTITY_TOKEN_FILE: file });
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toContain(`The token in ${file} is not one of a Kubernetes service account.`);
  });

  it("prints Terraform and AWS CLI commands too, which name the provider's ARN", async () => {
    const arn = `arn:aws:iam::123456789012:oidc-provider/${issuer.slice(8)}`;
    const terraform = await cli(["trust-policy", ...flags, ...account, "--format", "terraform"]);
    expect(terraform.stdout).toContain(`identifiers = ["${arn}"]`);
    expect(terraform.stdout).toContain(`variable = "${issuer.slice(8)}:sub"`);
    const awsCli = await cli(["trust-policy", ...flags, ...account, "--format", "aws-cli", "--role-name", "orders"]);
    expect(awsCli.stdout).toContain(arn);
  });

  it("says on stderr when the policy is longer than IAM's quota of 2048 characters", async () => {
    const more = Array.from({ length: 5 }, (_, index) => ["--issuer", `${issuer}-${index}`]).flat();
    const { code, stderr } = await cli(["trust-policy", ...flags, ...account, ...more]);
    expect([code, stderr]).toEqual([0, expect.stringMatching(/has \d+ characters. IAM allows 2048/)]);
  });
});
