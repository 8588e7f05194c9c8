import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { CLIENT_NAMES } from "./clients.js";
import { CLI, callsOf, type Pod, ROLE_ARN, runEach, startPod } from "./pod.js";

const run = promisify(execFile);

interface World {
  /** Under the home, whose path stands for `{home}`. */
  readonly files?: Readonly<Record<string, string>>;
  readonly env?: (home: string) => NodeJS.ProcessEnv;
  readonly hasTokenFile?: true;
}

const EXEC = [...CLI, "exec", "--role-arn", ROLE_ARN, "--"];

const KEYS = "aws_access_key_id = AKIDFOREIGN\naws_secret_access_key = x\n";
const SSO = "sso_account_id = 123456789012\nsso_role_name = other\n";
const PROCESS = `#!/bin/sh\necho '{"Version":1,"AccessKeyId":"AKIDFOREIGN","SecretAccessKey":"x","SessionToken":"x"}'\n`;
const OTHER_ROLE = "arn:aws:iam::123456789012:role/other";

const FOREIGN: Readonly<Record<string, World>> = {
  "keys in the environment": {
    env: () => ({ AWS_ACCESS_KEY_ID: "AKIDFOREIGN", AWS_SECRET_ACCESS_KEY: "x", AWS_SESSION_TOKEN: "x" }),
  },
  "keys in the environment, by their older names": {
    env: () => ({ AWS_ACCESS_KEY: "AKIDFOREIGN", AWS_SECRET_KEY: "x", AWS_SECURITY_TOKEN: "x" }),
  },
  "keys in the credentials file": { files: { ".aws/credentials": `[default]\n${KEYS}` } },
  "keys in the config file": { files: { ".aws/config": `[default]\n${KEYS}` } },
  "files with keys in other places": {
    files: { config: `[default]\n${KEYS}`, credentials: `[default]\n${KEYS}` },
    env: (home) => ({ AWS_CONFIG_FILE: `${home}/config`, AWS_SHARED_CREDENTIALS_FILE: `${home}/credentials` }),
  },
  "AWS_PROFILE with keys": {
    files: { ".aws/credentials": `[other]\n${KEYS}` },
    env: () => ({ AWS_PROFILE: "other" }),
  },
  "AWS_DEFAULT_PROFILE with keys": {
    files: { ".aws/credentials": `[other]\n${KEYS}` },
    env: () => ({ AWS_DEFAULT_PROFILE: "other" }),
  },
  "a credential_process": {
    files: { ".aws/config": "[default]\ncredential_process = {home}/process\n", process: PROCESS },
  },
  "a profile with role_arn and source_profile": {
    files: {
      ".aws/config": `[profile web]\nrole_arn = ${OTHER_ROLE}\nsource_profile = base\n[profile base]\n${KEYS}`,
    },
    env: () => ({ AWS_PROFILE: "web", AWS_SDK_LOAD_CONFIG: "1" }),
  },
  "a profile with a web identity": {
    files: {
      ".aws/config": `[default]\nrole_arn = ${OTHER_ROLE}\nweb_identity_token_file = /etc/hostname\n`,
    },
    env: () => ({ AWS_SDK_LOAD_CONFIG: "1" }),
  },
  "a profile with SSO": {
    files: {
      ".aws/config": `[default]\nsso_start_url = https://sso.example\nsso_region = eu-west-3\n${SSO}`,
    },
  },
  "a profile with an SSO session": {
    files: {
      ".aws/config": `[profile web]\nsso_session = s\n${SSO}[sso-session s]\nsso_start_url = https://sso.example\nsso_region = eu-west-3\n`,
    },
    env: () => ({ AWS_PROFILE: "web" }),
  },
  // Not AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: Debian's clients do not know it, and the SDK for JavaScript takes the variable
  // where the file's token is refused. exec-environment.test.ts shows that exec removes it.
  "another container endpoint": { env: () => ({ AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: "/other" }) },
  // Without a token, a role and a session name are nothing that a client can use.
  "a web identity for another role": {
    hasTokenFile: true,
    env: (home) => ({
      AWS_WEB_IDENTITY_TOKEN_FILE: `${home}/token`,
      AWS_ROLE_ARN: OTHER_ROLE,
      AWS_ROLE_SESSION_NAME: "other",
    }),
  },
  "~/.boto": { files: { ".boto": `[Credentials]\n${KEYS}` } },
  BOTO_CONFIG: {
    files: { boto: `[Credentials]\n${KEYS}` },
    env: (home) => ({ BOTO_CONFIG: `${home}/boto` }),
  },
  AWS_CREDENTIAL_FILE: {
    files: { keys: "AWSAccessKeyId=AKIDFOREIGN\nAWSSecretKey=x\n" },
    env: (home) => ({ AWS_CREDENTIAL_FILE: `${home}/keys` }),
  },
  "MinIO's variables and file": {
    files: {
      ".mc/config.json": JSON.stringify({
        version: "8",
        hosts: { s3: { accessKey: "AKIDFOREIGN", secretKey: "x", api: "S3v4" } },
      }),
    },
    env: () => ({ MINIO_ROOT_USER: "AKIDFOREIGN", MINIO_ROOT_PASSWORD: "x" }),
  },
  "rclone's variables for every S3": {
    env: () => ({ RCLONE_S3_ACCESS_KEY_ID: "AKIDFOREIGN", RCLONE_S3_SECRET_ACCESS_KEY: "x" }),
  },
};

/** The token that `exec` itself exchanges for its session. */
async function writeTokenFile({ env, home }: Pod): Promise<void> {
  const [node, ...args] = [...CLI, "token", "--audience", "sts.amazonaws.com", "--output-file", `${home}/token`];
  await run(node, args, { env });
}

describe.each(Object.entries(FOREIGN))("under exec, with %s around", (_, { files = {}, env, hasTokenFile }) => {
  it("every client uses the served session and nothing else", async () => {
    await using pod = await startPod();
    for (const [name, text] of Object.entries(files)) await pod.write(name, text.replaceAll("{home}", pod.home));
    if (hasTokenFile) await writeTokenFile(pod);
    const ends = await runEach(CLIENT_NAMES, {
      env: { ...pod.env, ...env?.(pod.home) },
      prefix: EXEC,
      endpoint: pod.recorder.url,
    });
    const { sessions, tunnels } = pod.recorder;
    expect(sessions).toEqual([expect.stringMatching(/^\w{16,}$/)]);
    // Nobody asked another STS, or AWS's SSO.
    expect(tunnels).toEqual([]);
    const seen = CLIENT_NAMES.map((client) => [
      client,
      ends[client],
      ...new Set(callsOf(pod.recorder, client).map((call) => call.accessKeyId)),
    ]);
    expect(seen).toEqual(CLIENT_NAMES.map((client) => [client, "done", ...sessions]));
  });
});

// S3 takes no bearer token, so none of the clients above would show one.
describe("under exec, bearer tokens reach nobody:", () => {
  it("the SDK for JavaScript finds no token for Bedrock in the environment", async () => {
    await using pod = await startPod();
    const program = `
      import { fromEnvSigningName } from "@aws-sdk/token-providers";
      await fromEnvSigningName({ signingName: "bedrock" })().then(({ token }) => console.log(token), console.error);`;
    const [node = "", ...args] = [...EXEC, process.execPath, "--input-type=module", "-e", program];
    const env = { ...pod.env, AWS_BEARER_TOKEN_BEDROCK: "foreign" };
    const { stdout, stderr } = await run(node, args, { env });
    expect([stdout, stderr]).toEqual(["", expect.stringContaining("Token not present in 'AWS_BEARER_TOKEN_BEDROCK'")]);
  });

  it("the AWS CLI does not use an SSO session that is still logged in", async () => {
    await using pod = await startPod();
    const session = "[sso-session s]\nsso_start_url = https://sso.example\nsso_region = eu-west-3\n";
    await pod.write(".aws/config", `[default]\nsso_session = s\n${SSO}${session}`);
    const token = { accessToken: "foreign", expiresAt: "2099-01-01T00:00:00Z", region: "eu-west-3" };
    const cached = `${createHash("sha1").update("s").digest("hex")}.json`;
    await pod.write(`.aws/sso/cache/${cached}`, JSON.stringify({ ...token, startUrl: "https://sso.example" }));
    const useBearer = async (prefix: readonly string[]): Promise<void> => {
      const command = ["/usr/bin/aws", "codecatalyst", "list-spaces", "--endpoint-url", pod.recorder.url];
      const [file = "", ...args] = [...prefix, ...command];
      await run(file, args, { env: pod.env }).catch(() => {});
    };
    const bearers = () => pod.recorder.s3.map(({ bearer }) => bearer);
    await useBearer(EXEC);
    expect(bearers()).toEqual([]);
    await useBearer([]);
    expect(bearers()).toContain("foreign");
  });
});
