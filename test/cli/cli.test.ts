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
    const flags = [
      "--session-name",
      "batch",
      "--duration-seconds",
      "900",
      "--audience",
      "gcp",
      "--region",
      "eu-west-1",
    ];
    const { code, stdout, stderr } = await cli(["credential-process", ...flags]);
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toMatch(/STS_ACCESS_DENIED.*\n[\s\S]*accounts.google.com:oaud = gcp/);
    expect(clouds.sts.requests[0]?.parameters).toMatchObject({ RoleSessionName: "batch", DurationSeconds: "900" });
  });

  it.each([
    [["credential-process", "not-an-arn"], "roleArn must be the ARN of an IAM role"],
    [
      ["credential-process", "--duration-seconds", "1"],
      "durationSeconds must be a whole number of seconds from 900 to 43200, got 1",
    ],
    [["credential-process", "--duration-seconds", "1h"], "whole number"],
    [["credential-process", "a", "b"], "too many arguments"],
    [["credential-process", "--nothing"], "unknown option"],
    [["nothing"], "unknown command"],
  ])("%j is wrong usage: exit code 2, nothing on stdout", async (args, text) => {
    const { code, stdout, stderr } = await cli(args);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toContain(text);
  });

  it("says where its usage is told, and repeats no token, when it is used wrongly", async () => {
    const token = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl";
    const { stderr } = await cli(["credential-process", `--${token}`]);
    expect(stderr).toMatch(
      /^error: unknown option '--\[redacted\]'\n+Run gke-aws-credentials --help, or .* for usage\.\n$/,
    );
  });

  it("off Google Cloud prints nothing on stdout, and says why on stderr", async () => {
    const { code, stdout, stderr } = await cli(["credential-process", ROLE_ARN]);
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toContain("NOT_ON_GOOGLE_CLOUD");
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

  it("fails with one line where its output cannot be written", async () => {
    const stdout = {
      write: () => {
        throw new Error("write EPIPE");
      },
    };
    let said = "";
    const stderr = {
      write: (text: string) => {
        said += text;
      },
    };
    expect(
      await run(["trust-policy", "--service-account-unique-id", UNIQUE_ID], {
        stdout,
        stderr,
        untilStopped: async () => {},
      }),
    ).toBe(1);
    expect(said).toBe("gke-aws-credentials: write EPIPE\n");
  });
});
