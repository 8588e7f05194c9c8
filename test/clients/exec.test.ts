import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { describe, expect, inject, it } from "vitest";
import { CLIENT_NAMES, CLIENTS, type ClientName, USER_AGENTS } from "./clients.js";
import { BUCKET, CLI, type Pod, REGION, ROLE_ARN, startPod } from "./pod.js";
import type { Call } from "./recorder.js";

const run = promisify(execFile);

interface World {
  /** Under the home, whose path stands for `{home}`. */
  readonly files?: Readonly<Record<string, string>>;
  readonly env?: (home: string) => NodeJS.ProcessEnv;
}

/** Starts `exec` in a pod; its command runs the clients one after another. */
async function execClients(pod: Pod, clients: readonly ClientName[], env: NodeJS.ProcessEnv, endpoint: string) {
  const script = clients.map((client) => `${CLIENTS[client].join(" ")} '${endpoint}' ${BUCKET}`).join(" && ");
  const [node, ...args] = [...CLI, "exec", "--role-arn", ROLE_ARN, "--", "/bin/sh", "-c", script];
  await run(node, args, { env: { ...pod.env, ...env } });
}

const callsOf = (pod: Pod, client: ClientName): readonly Call[] =>
  pod.recorder.s3.filter(({ userAgent }) => USER_AGENTS[client].test(userAgent));

const distinct = <T>(values: readonly T[]): readonly T[] => [...new Set(values)];

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
  "another container endpoint": {
    env: () => ({
      AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: "/other",
      AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: "/etc/hostname",
    }),
  },
  "another role and session name": {
    env: () => ({ AWS_ROLE_ARN: OTHER_ROLE, AWS_ROLE_SESSION_NAME: "other" }),
  },
  "bearer tokens": { env: () => ({ AWS_BEARER_TOKEN_S3: "x", AWS_BEARER_TOKEN_BEDROCK: "x" }) },
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
    env: () => ({ MINIO_ROOT_USER: "AKIDFOREIGN", MINIO_ROOT_PASSWORD: "x", MINIO_ALIAS: "s3" }),
  },
  "rclone's variables for every S3": {
    env: () => ({ RCLONE_S3_ACCESS_KEY_ID: "AKIDFOREIGN", RCLONE_S3_SECRET_ACCESS_KEY: "x" }),
  },
};

describe.each(Object.entries(FOREIGN))("under exec, with %s around", (_, { files = {}, env }) => {
  it("every client uses the served session and nothing else", async () => {
    await using pod = await startPod();
    for (const [name, text] of Object.entries(files)) await pod.write(name, text.replaceAll("{home}", pod.home));
    await execClients(pod, CLIENT_NAMES, env?.(pod.home) ?? {}, pod.recorder.url);
    const { sessions, tunnels } = pod.recorder;
    expect(sessions).toEqual([expect.stringMatching(/^\w{16,}$/)]);
    // Nobody asked another STS, or AWS's SSO.
    expect(tunnels).toEqual([]);
    const used = CLIENT_NAMES.map((client) => [client, distinct(callsOf(pod, client).map((call) => call.accessKeyId))]);
    expect(used).toEqual(CLIENT_NAMES.map((client) => [client, sessions]));
  });
});

describe("the settings that are not credentials reach the clients under exec:", () => {
  const beside = `${KEYS}credential_process = /bin/false\n`;

  it("the profile's region and a CA bundle", async () => {
    await using pod = await startPod();
    const { certFile } = inject("tls");
    await pod.write(".aws/config", `[default]\n${beside}region = eu-north-1\nca_bundle = ${certFile}\n`);
    const env = {
      AWS_REGION: undefined,
      AWS_DEFAULT_REGION: undefined,
      NODE_EXTRA_CA_CERTS: certFile,
      RESTIC_CACERT: certFile,
      SSL_CERT_FILE: certFile,
    };
    const clients = CLIENT_NAMES.filter((client) => !client.startsWith("rclone"));
    await execClients(pod, clients, env, pod.recorder.tlsUrl);
    expect(pod.recorder.s3.every(({ tls }) => tls)).toBe(true);
    const regions = clients.map((client) => [client, distinct(callsOf(pod, client).map(({ region }) => region))]);
    expect(regions).toEqual(clients.map((client) => [client, ["eu-north-1"]]));
  });

  it("a proxy, and the style of S3's addresses", async () => {
    await using pod = await startPod();
    await pod.write(".aws/config", `[default]\n${beside}s3 =\n  addressing_style = path\n`);
    const clients = CLIENT_NAMES.filter((client) => client !== "the JavaScript SDK");
    await execClients(
      pod,
      clients,
      { HTTP_PROXY: pod.recorder.url, http_proxy: pod.recorder.url },
      "http://s3.example",
    );
    for (const client of clients) {
      expect([client, callsOf(pod, client)[0]?.url]).toEqual([
        client,
        expect.stringMatching(/^http:\/\/s3\.example\/orders\b/),
      ]);
    }
  });

  it.each(["AWS_ENDPOINT_URL_S3", "the services of the profile"])("the endpoint in %s", async (place) => {
    await using pod = await startPod();
    const { url } = pod.recorder;
    const inFile = `[default]\n${beside}services = own\n[services own]\ns3 =\n  endpoint_url = ${url}\n`;
    if (place.startsWith("AWS_")) await execClients(pod, ["the JavaScript SDK"], { [place]: url }, "");
    else {
      await pod.write(".aws/config", inFile);
      await execClients(pod, ["the JavaScript SDK"], {}, "");
    }
    expect(callsOf(pod, "the JavaScript SDK")).toEqual([expect.objectContaining({ region: REGION, tls: false })]);
  });
});
