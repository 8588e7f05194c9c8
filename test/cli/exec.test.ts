import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { devNull } from "node:os";
import { dirname } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { cli } from "../support/cli.js";
import { startClusterCloud } from "../support/cluster-cloud.js";
import { startTwoClouds } from "../support/two-clouds.js";
import { useDirectory } from "../support/use-directory.js";

const path = useDirectory();
const REGION = ["--region", "eu-west-1"];
const exec = (command: readonly string[], env: Readonly<Record<string, string>> = {}, flags = REGION) =>
  cli(["exec", ...flags, "--", ...command], env);

/** Tells the command's environment, and what its files hold and allow. */
const PROBE = `
  const { readFileSync, statSync, writeFileSync } = require("node:fs");
  const { AWS_CONFIG_FILE, AWS_SHARED_CREDENTIALS_FILE, AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: file } = process.env;
  const [config, credentials, token] = [AWS_CONFIG_FILE, AWS_SHARED_CREDENTIALS_FILE, file].map((path) => readFileSync(path, "utf8"));
  const modes = [file, require("node:path").dirname(file)].map((path) => statSync(path).mode & 0o777);
  writeFileSync(process.argv[1], JSON.stringify({ env: process.env, config, credentials, token, modes }));`;

interface Probed {
  readonly env: Readonly<Record<string, string>>;
  readonly config: string;
  readonly credentials: string;
  readonly token: string;
  readonly modes: readonly number[];
}

async function probe(env: Readonly<Record<string, string>> = {}, flags = REGION): Promise<Probed> {
  const found = path("found");
  const home = { HOME: path(), AWS_CONFIG_FILE: "", AWS_SHARED_CREDENTIALS_FILE: "" };
  const { code, stderr } = await exec([process.execPath, "-e", PROBE, found], { ...home, ...env }, flags);
  expect([code, stderr]).toEqual([0, ""]);
  return JSON.parse(readFileSync(found, "utf8"));
}

const HIDDEN = [
  "AWS_ACCESS_KEY_ID",
  "AWS_ACCESS_KEY",
  "AWS_SECRET_ACCESS_KEY",
  "AWS_SECRET_KEY",
  "AWS_SESSION_TOKEN",
  "AWS_SECURITY_TOKEN",
  "AWS_CREDENTIAL_EXPIRATION",
  "AWS_CREDENTIAL_FILE",
  "AWS_CREDENTIAL_PROFILES_FILE",
  "AWS_BEARER_TOKEN_BEDROCK",
  "AWS_BEARER_TOKEN_NEXT_SERVICE",
  "AWS_ROLE_SESSION_NAME",
  "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
  "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
  "AWS_PROFILE",
  "AWS_DEFAULT_PROFILE",
  "BOTO_PATH",
  "MINIO_ACCESS_KEY",
  "MINIO_ROOT_PASSWORD",
  "RCLONE_S3_ACCESS_KEY_ID",
  "RCLONE_S3_PROFILE",
];
const KEPT = {
  AWS_CA_BUNDLE: "/etc/ssl/own.pem",
  AWS_ENDPOINT_URL: "http://127.0.0.1:9",
  AWS_ENDPOINT_URL_S3: "http://127.0.0.1:9",
  AWS_MAX_ATTEMPTS: "2",
  AWS_RETRY_MODE: "standard",
  AWS_USE_FIPS_ENDPOINT: "false",
  AWS_SDK_LOAD_CONFIG: "1",
  AWS_PAGER: "cat",
  RCLONE_S3_PROVIDER: "AWS",
  HTTPS_PROXY: "http://127.0.0.1:9",
  NO_PROXY: "localhost",
};

/** One line, or more, of a config file that says who the caller is. */
const CREDENTIALS = [
  "aws_access_key_id = AKID",
  "aws_secret_access_key=secret",
  "  aws_session_token = token",
  "AWS_ACCESS_KEY_ID = AKID",
  "aws_access_key_id: AKID",
  "aws_security_token = token",
  "credential_process = /bin/echo",
  "credential_source = Environment",
  "role_arn = arn:aws:iam::1:role/x",
  "source_profile = other",
  "web_identity_token_file = /token",
  "role_session_name = x",
  "external_id = x",
  "mfa_serial = x",
  "sso_session = x",
  "sso_start_url = https://x",
  "sso_account_id = 1",
  "sso_role_name = x",
  "sso_registration_scopes = x",
  "login_session = arn:aws:iam::1:user/x",
  "credential_process =\n  /bin/echo\n  more",
];
/** A file with all settings, and that line at the start, between the settings and at the end of a profile. */
const configWith = (lines: readonly string[]): string => `[default]
region = eu-west-1
ca_bundle = /etc/ssl/own.pem
services = own
[services own]
s3 =
  endpoint_url = http://127.0.0.1:9000
${lines.map((line, index) => `[profile p${index}]\n${line}retry_mode = adaptive\n${line}s3 =\n  addressing_style = path\n${line}`).join("")}`;

describe("the command of exec", () => {
  it("finds its session and every setting, and no other identity, when variables of all kinds are set", async () => {
    // AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE are set too.
    await using _ = await startClusterCloud();
    const old = Object.fromEntries(HIDDEN.map((name) => [name, "old"]));
    const { env, token, modes } = await probe({ ...old, ...KEPT });
    const own = {
      AWS_CONTAINER_CREDENTIALS_FULL_URI: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/$/),
      AWS_CONTAINER_AUTHORIZATION_TOKEN: token,
      AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: expect.stringContaining("/gke-aws-credentials-"),
      AWS_REGION: "eu-west-1",
      AWS_DEFAULT_REGION: "eu-west-1",
      AWS_EC2_METADATA_DISABLED: "true",
      AWS_CONFIG_FILE: devNull,
      AWS_SHARED_CREDENTIALS_FILE: devNull,
      AWS_ENDPOINT_URL_STS: process.env.AWS_ENDPOINT_URL_STS,
      BOTO_CONFIG: devNull,
      MINIO_SHARED_CREDENTIALS_FILE: devNull,
    };
    const isMeant = ([name]: [string, string]) => /^(AWS|BOTO|MINIO|RCLONE)_|^(HTTPS|NO)_PROXY$/.test(name);
    expect(Object.fromEntries(Object.entries(env).filter(isMeant))).toEqual({ ...own, ...KEPT });
    expect(env.PATH).toBe(process.env.PATH);
    // In memory. Whoever knows the path can read the file; the owner alone can list the directory.
    const file = env.AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE!;
    expect([file.startsWith("/dev/shm/"), modes]).toEqual([existsSync("/dev/shm"), [0o444, 0o711]]);
    expect(existsSync(dirname(file))).toBe(false);
  });

  it("has a session when it asks by the container protocol with an SDK", async () => {
    await using clouds = await startTwoClouds();
    const program = `import { fromHttp } from "@aws-sdk/credential-providers";
      const { accessKeyId } = await fromHttp()();
      process.exit(accessKeyId.startsWith("ASIA") ? 9 : 1)`;
    const { code } = await exec([process.execPath, "--no-warnings", "--input-type=module", "-e", program]);
    expect([code, clouds.sts.sessionCount()]).toEqual([9, 1]);
  });

  it.runIf(process.getuid?.() === 0)("can read its token by the path alone when it gives up root", async () => {
    await using _ = await startTwoClouds();
    const program = `const { readdirSync, readFileSync } = require("node:fs");
      process.setgid(65534);
      process.setuid(65534);
      const file = process.env.AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE;
      const isRead = readFileSync(file, "utf8") === process.env.AWS_CONTAINER_AUTHORIZATION_TOKEN;
      try { readdirSync(require("node:path").dirname(file)); } catch ({ code }) { process.exit(isRead && code === "EACCES" ? 9 : 1); }`;
    expect((await exec([process.execPath, "-e", program])).code).toBe(9);
  });

  it("reads the very config files when they hold no credentials, comments aside", async () => {
    await using _ = await startTwoClouds();
    mkdirSync(path(".aws"));
    writeFileSync(path(".aws/config"), configWith([""]));
    writeFileSync(path(".aws/credentials"), "# aws_access_key_id = AKID\n[default]\noutput = json\n");
    const { env } = await probe();
    expect([env.AWS_CONFIG_FILE, env.AWS_SHARED_CREDENTIALS_FILE]).toEqual([
      path(".aws/config"),
      path(".aws/credentials"),
    ]);
  });

  it.each([
    ["LF", "\n", ""],
    ["CRLF", "\r\n", ""],
    ["CR", "\r", ""],
    ["LF and begins with a byte order mark", "\n", "\uFEFF"],
  ])("reads a copy without credentials and comments when a config file has line ends of %s", async (_, end, start) => {
    await using _clouds = await startTwoClouds();
    const text = `${start}${configWith(CREDENTIALS.map((line) => `${line}\n`))}# aws_access_key_id = AKID\n; x\n\n`;
    writeFileSync(path("own"), text.replaceAll("\n", end));
    const { env, config } = await probe({ AWS_CONFIG_FILE: "~/own" });
    expect(config).toBe(configWith(CREDENTIALS.map(() => "")));
    expect(existsSync(env.AWS_CONFIG_FILE!)).toBe(false);
  });

  it.each([
    ["web", "b"],
    ["c d", "e"],
  ])("keeps AWS_PROFILE=%s and AWS_DEFAULT_PROFILE=%s when a config file has their sections", async (one, other) => {
    await using _ = await startTwoClouds();
    writeFileSync(path("config"), "[default]\n[profile web]\nregion = eu-west-3\nrole_arn = arn:aws:iam::1:role/x\n");
    writeFileSync(path("credentials"), "[b]\naws_access_key_id = AKID\n[profile 'c d']\n  [ profile e ] # x\n");
    const files = { AWS_CONFIG_FILE: path("config"), AWS_SHARED_CREDENTIALS_FILE: path("credentials") };
    const { env, config, credentials } = await probe({ ...files, AWS_PROFILE: one, AWS_DEFAULT_PROFILE: other });
    expect([env.AWS_PROFILE, env.AWS_DEFAULT_PROFILE]).toEqual([one, other]);
    expect(config).toBe("[default]\n[profile web]\nregion = eu-west-3\n");
    expect(credentials).toBe("[b]\n[profile 'c d']\n  [ profile e ] # x\n");
  });

  const both = { AWS_REGION: "eu-west-2", AWS_DEFAULT_REGION: "eu-west-3" };
  it.each<[flags: string[], env: Record<string, string>, expected: string | undefined]>([
    [REGION, both, "eu-west-1"],
    [[], both, "eu-west-2"],
    [[], { ...both, AWS_REGION: "" }, "eu-west-3"],
    [[], { AWS_PROFILE: "blue" }, "eu-north-1"],
    [[], {}, undefined],
    [[], { AWS_CONFIG_FILE: "/" }, undefined],
  ])("has the right region when the flags are %j and the variables %j: %s", async (flags, variables, expected) => {
    await using _ = await startTwoClouds();
    writeFileSync(path("config"), "[profile blue]\nregion = eu-north-1\n");
    const { env } = await probe({ AWS_CONFIG_FILE: path("config"), ...variables }, flags);
    expect([env.AWS_REGION, env.AWS_DEFAULT_REGION]).toEqual([expected, expected]);
  });
});

describe("exec", () => {
  it.each<[what: string, command: string[], code: number, stderr: RegExp]>([
    ["exits by itself", ["sh", "-c", "exit 7"], 7, /^$/],
    ["ends by a signal", ["sh", "-c", "kill -TERM $$"], 143, /^$/],
    ["has flags of its own", ["sh", "-c", 'test "$1 $2" = "--region x"', "sh", "--region", "x"], 0, /^$/],
    ["is not there", ["no-such-command"], 127, /^gke-aws-credentials: no-such-command cannot be run: .*ENOENT\n$/],
    ["may not be run", ["./package.json"], 126, /^gke-aws-credentials: .\/package.json cannot be run: .*EACCES\n$/],
    ["has too long a name", ["x".repeat(100_000)], 1, /^gke-aws-credentials: x{200} cannot be run: .*ENAMETOOLONG/],
  ])("ends with a shell's exit code when its command %s", async (_, command, code, stderr) => {
    await using _clouds = await startTwoClouds();
    expect(await exec(command)).toEqual({ code, stdout: "", stderr: expect.stringMatching(stderr) });
  });

  it.each<[what: string, env: Record<string, string>, stderr: RegExp]>([
    ["the role is refused", {}, /STS_ACCESS_DENIED[\s\S]*aws iam get-role/],
    [
      "an old AWS_WEB_IDENTITY_TOKEN_FILE leads nowhere",
      { AWS_WEB_IDENTITY_TOKEN_FILE: "/nowhere/token", KUBERNETES_SERVICE_HOST: "10.0.0.1" },
      /WEB_IDENTITY_TOKEN_FILE_MISSING[\s\S]*unset AWS_WEB_IDENTITY_TOKEN_FILE/,
    ],
  ])("does not run its command, and says how to fix it, when %s", async (_, env, stderr) => {
    await using clouds = await startTwoClouds({ roles: [] });
    const { code, stderr: said } = await exec(["touch", path("ran")], env);
    expect([code, said, existsSync(path("ran"))]).toEqual([1, expect.stringMatching(stderr), false]);
    expect(clouds.sts.sessionCount()).toBe(0);
  });

  it("does not run its command when a Java option that no variable can hide names another identity", async () => {
    await using _ = await startTwoClouds();
    const env = { JAVA_TOOL_OPTIONS: "-Xmx1g -Daws.accessKeyId=AKID" };
    const { code, stderr } = await exec(["touch", path("ran")], env);
    expect([code, existsSync(path("ran"))]).toEqual([1, false]);
    expect(stderr).toMatch(/: JAVA_TOOL_OPTIONS sets -Daws\.accessKeyId, .* Remove it from JAVA_TOOL_OPTIONS\.\n$/);
  });

  it.each(["SIGUSR2", "SIGINT"] as const)("passes %s on, and leaves no listener when it ends", async (signal) => {
    await using _ = await startTwoClouds();
    const listeners = () => [process.listeners(signal), process.listenerCount("exit")] as const;
    const before = listeners();
    const script = `trap 'exit 3' ${signal.slice(3)}; touch ${path("ready")}; for i in $(seq 250); do sleep 0.02; done`;
    const done = exec(["sh", "-c", script]);
    await vi.waitFor(() => expect(existsSync(path("ready"))).toBe(true), { timeout: 5_000 });
    for (const listener of process.listeners(signal)) if (!before[0].includes(listener)) void listener(signal);
    expect([(await done).code, listeners()]).toEqual([3, before]);
  });
});
