import { describe, expect, it } from "vitest";
import manifest from "../../package.json" with { type: "json" };
import { run } from "../../src/cli/program.js";
import { cli } from "../support/cli.js";
import { ROLE_ARN, startTwoClouds, UNIQUE_ID } from "../support/two-clouds.js";

describe("gke-aws-credentials credential-process", () => {
  it("prints one JSON object as the AWS CLI expects it, and nothing else", async () => {
    await using clouds = await startTwoClouds();
    // Nothing on stderr, also without a region: some SDKs read both outputs as one text.
    const { code, stdout, stderr } = await cli(["credential-process"]);
    expect([code, stderr]).toEqual([0, ""]);
    expect(JSON.parse(stdout)).toEqual({
      Version: 1,
      AccessKeyId: expect.stringMatching(/^ASIA/),
      SecretAccessKey: expect.any(String),
      SessionToken: expect.any(String),
      Expiration: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000Z$/),
      AccountId: "123456789012",
    });
    expect(clouds.sts.requests[0]?.parameters.RoleSessionName).toBe("orders-7d9f5b6c4-x2x8z");
  });

  it("takes the role from its argument before AWS_JANUS_ROLE, and that before AWS_ROLE_ARN", async () => {
    await using clouds = await startTwoClouds();
    const other = "arn:aws:iam::123456789012:role/other";
    await cli(["credential-process", ROLE_ARN], { AWS_JANUS_ROLE: other, AWS_ROLE_ARN: other });
    await cli(["credential-process"], { AWS_JANUS_ROLE: ROLE_ARN, AWS_ROLE_ARN: other });
    expect(clouds.sts.requests.map(({ parameters }) => parameters.RoleArn)).toEqual([ROLE_ARN, ROLE_ARN]);
  });

  it("passes its flags on", async () => {
    await using clouds = await startTwoClouds();
    const flags = "--session-name batch --duration-seconds 900 --audience gcp --region eu-west-1".split(" ");
    const { code, stdout, stderr } = await cli(["credential-process", ...flags]);
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toMatch(/STS_ACCESS_DENIED.*\n[\s\S]*accounts.google.com:oaud = gcp/);
    expect(clouds.sts.requests[0]?.parameters).toMatchObject({ RoleSessionName: "batch", DurationSeconds: "900" });
  });

  it("prints nothing on stdout, and says why on stderr, when it is off Google Cloud", async () => {
    const { code, stdout, stderr } = await cli(["credential-process", ROLE_ARN]);
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toContain("NOT_ON_GOOGLE_CLOUD");
  });
});

const JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl";
const ISSUER = ["--issuer", "https://issuer.example"];
const WORKLOAD = ["--namespace", "shop", "--service-account-name", "orders"];
const ACCOUNT = ["--aws-account-id", "123456789012"];

describe("wrong usage", () => {
  it.each<[args: string[], text: string]>([
    [["nothing"], "unknown command"],
    [["credential-process", "not-an-arn"], "roleArn must be the ARN of an IAM role"],
    [
      ["credential-process", "--duration-seconds", "1"],
      "durationSeconds must be a whole number of seconds from 900 to 43200, got 1",
    ],
    ...["1h", "9e2", "0x384", "900.0", "-900", " 900"].map((text): [string[], string] => [
      ["credential-process", `--duration-seconds=${text}`],
      "It must be a whole number.",
    ]),
    [["credential-process", "a", "b"], "too many arguments"],
    [["credential-process", "--nothing"], "unknown option"],
    [["doctor", "--nothing"], "unknown option"],
    [["doctor", "a", "b"], "too many arguments"],
    [["doctor", "--duration-seconds", "1h"], "It must be a whole number."],
    [["exec"], "missing required argument"],
    [["token", "--watch"], "--watch needs --output-file"],
    [["token", "--file-mode", "999"], "octal"],
    [["token", "--audience", ""], "audience must be"],
    [["serve", ROLE_ARN], "serve needs --token-file"],
    [["serve", "--token-file", "x", "--print-token"], "not both"],
    [["serve", "--print-token", "--file-mode", "666"], "everybody write"],
    [["serve", "--print-token", "--drain-seconds", "-1"], "0 to 3600"],
    [["serve", "--print-token", "--port", "70000"], "0 to 65535"],
    [["serve", "--print-token", "--role", "reader"], "NAME=ARN"],
    [["serve", "--print-token", "--role", `a/b=${ROLE_ARN}`], "NAME=ARN"],
    [["serve", "--print-token", "--role", `a=${ROLE_ARN}`, "--role", `a=${ROLE_ARN}`], "two roles named a"],
    [["serve", "--print-token", "--role", `a.b=${ROLE_ARN}`, "--role", `a-b=${ROLE_ARN}`], "variables of one name"],
    [["serve", "--print-token", "--role", "a=nonsense"], "roleArn must be the ARN of an IAM role"],
    [["serve", "--print-token", "nonsense"], "roleArn must be the ARN of an IAM role"],
    [["serve", "--print-token"], "MISSING_ROLE_ARN"],
    [["trust-policy", "--format", "yaml"], "Allowed choices"],
    [["trust-policy", "--role-name", "a b"], "1 to 64 characters"],
    [["trust-policy", "--service-account-unique-id", "1"], "serviceAccountUniqueId must be"],
    [["trust-policy", "--service-account-unique-id", UNIQUE_ID, "--format", "aws-cli"], "needs --role-name"],
    [["trust-policy", ...ISSUER, ...WORKLOAD], "needs --aws-account-id"],
    [["trust-policy", ...ISSUER, ...ACCOUNT, "--namespace", "shop"], "needs --service-account-name"],
    [["trust-policy", "--namespace", "shop"], "give --issuer too"],
    [
      ["trust-policy", ...ISSUER, ...WORKLOAD, ...ACCOUNT, "--service-account-unique-id", UNIQUE_ID],
      "exclude each other",
    ],
    [["trust-policy", "--issuer", "http://x", ...WORKLOAD, ...ACCOUNT], "issuer must be"],
  ])("ends with exit code 2, and prints nothing on stdout, when the arguments are %j", async (args, text) => {
    const { code, stdout, stderr } = await cli(args);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toContain(text);
  });

  it("says where its usage is told, and repeats no token, when it is used wrongly", async () => {
    const { stderr } = await cli(["credential-process", `--${JWT}`]);
    expect(stderr).toMatch(
      /^error: unknown option '--\[redacted\]'\n+Run gke-aws-credentials --help, or .* for usage\.\n$/,
    );
  });
});

describe("gke-aws-credentials", () => {
  it("says its version, and how it is used", async () => {
    expect((await cli(["--version"])).stdout.trim()).toBe(manifest.version);
    expect((await cli(["--help"])).stdout).toMatch(/credential-process[\s\S]*trust-policy[\s\S]*Exit codes/);
    expect((await cli(["help", "credential-process"])).code).toBe(0);
  });

  it.each(["credential-process", "token", "serve", "exec"])("%s --help has an example of it", async (name) => {
    const { code, stdout } = await cli([name, "--help"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(new RegExp(`Example:\\n[\\s\\S]*gke-aws-credentials ${name} `));
    expect(stdout.includes("AWS_JANUS_ROLE")).toBe(name === "credential-process");
  });

  it("fails with one line, without tokens and control characters, when a path has them in it", async () => {
    await using _ = await startTwoClouds();
    const { code, stderr } = await cli(["token", "--output-file", `/nowhere/${JWT}\u001b[2J`]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^gke-aws-credentials: \/nowhere\/\[redacted\]\\u001b\[2J cannot be written: ENOENT.*\n$/);
    expect(stderr).not.toContain("eyJ");
  });

  it("fails with at most 2000 characters when a path is longer", async () => {
    await using _ = await startTwoClouds();
    const { code, stderr } = await cli(["token", "--output-file", `/${"é".repeat(5_000)}`]);
    expect([code, stderr.length <= 2_001]).toEqual([1, true]);
  });

  it("fails with one line when its output cannot be written", async () => {
    let said = "";
    const stdout = {
      write: () => {
        throw new Error("write EPIPE");
      },
    };
    const stderr = { write: (text: string) => (said += text) };
    const args = ["trust-policy", "--service-account-unique-id", UNIQUE_ID];
    expect(await run(args, { stdout, stderr, untilStopped: async () => {} })).toBe(1);
    expect(said).toBe("gke-aws-credentials: write EPIPE\n");
  });
});
