import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { startListBucketsServer } from "../../examples/demo/list-buckets-server.mjs";
import { type RunningProgram, startProgram } from "../support/run-node.js";
import { ROLE_ARN, startTwoClouds, type TwoClouds } from "../support/two-clouds.js";

const run = promisify(execFile);
const CLI = resolve("dist/cli.cjs");
const ARN = "arn:aws:sts::123456789012:assumed-role/reader/orders-7d9f5b6c4-x2x8z";

let clouds: TwoClouds;
let s3: Awaited<ReturnType<typeof startListBucketsServer>>;
let directory: string;
let config: string;
let serve: RunningProgram;
/** That of the clients: what is stubbed here is gone before the first test. */
let environment: NodeJS.ProcessEnv;

/** Debian's clients know no `AWS_ENDPOINT_URL_STS`: rules of our own lead their inner STS calls to loopback. */
async function writeEndpointRules(url: string): Promise<string> {
  const data = join(directory, "data");
  await mkdir(join(data, "sts", "2011-06-15"), { recursive: true });
  const parameters = {
    Region: { type: "String", builtIn: "AWS::Region", required: false, documentation: "" },
    UseDualStack: { type: "Boolean", builtIn: "AWS::UseDualStack", required: true, default: false, documentation: "" },
    UseFIPS: { type: "Boolean", builtIn: "AWS::UseFIPS", required: true, default: false, documentation: "" },
    Endpoint: { type: "String", builtIn: "SDK::Endpoint", required: false, documentation: "" },
    UseGlobalEndpoint: {
      type: "Boolean",
      builtIn: "AWS::STS::UseGlobalEndpoint",
      required: true,
      default: false,
      documentation: "",
    },
  };
  const rules = [{ conditions: [], endpoint: { url, properties: {}, headers: {} }, type: "endpoint" }];
  await writeFile(
    join(data, "sts", "2011-06-15", "endpoint-rule-set-1.json"),
    JSON.stringify({ version: "1.0", parameters, rules }),
  );
  return data;
}

beforeAll(async () => {
  clouds = await startTwoClouds();
  s3 = await startListBucketsServer({ sts: clouds.sts, buckets: ["orders"] });
  directory = await mkdtemp(join(tmpdir(), "clients-"));
  config = join(directory, "config");
  await writeFile(
    config,
    `[profile process]\ncredential_process = ${process.execPath} ${CLI} credential-process ${ROLE_ARN}\n`,
  );
  // The AWS CLI keeps sessions in ~/.aws/cli/cache, and would take those of an earlier run's servers.
  vi.stubEnv("HOME", directory);
  vi.stubEnv("AWS_DATA_PATH", await writeEndpointRules(clouds.sts.url));
  vi.stubEnv("AWS_REGION", "us-east-1");
  vi.stubEnv("AWS_DEFAULT_REGION", "us-east-1");
  environment = { ...process.env };
  serve = startProgram([CLI, "serve", "--print-token"], { limitMs: 120_000 });
  await vi.waitFor(() => expect(serve.stdout()).toContain("AWS_CONTAINER_AUTHORIZATION_TOKEN"), { timeout: 10_000 });
});
afterAll(async () => {
  await serve[Symbol.asyncDispose]();
  await Promise.all([s3.close(), clouds[Symbol.asyncDispose](), rm(directory, { recursive: true })]);
});

/** Each way into this package: what a client's environment is, and what its command line begins with. */
const WAYS: Readonly<Record<string, () => Promise<{ env: NodeJS.ProcessEnv; prefix: readonly string[] }>>> = {
  credential_process: async () => ({ env: { AWS_CONFIG_FILE: config, AWS_PROFILE: "process" }, prefix: [] }),
  serve: async () => {
    const lines = serve.stdout().trim().split("\n");
    return { env: Object.fromEntries(lines.map((line) => line.split(/=(.*)/s, 2))), prefix: [] };
  },
  exec: async () => ({ env: {}, prefix: [process.execPath, CLI, "exec", "--"] }),
  "token --output-file": async () => {
    const file = join(directory, "token");
    await run(process.execPath, [CLI, "token", "--output-file", file], { env: environment });
    const env = { AWS_WEB_IDENTITY_TOKEN_FILE: file, AWS_ROLE_SESSION_NAME: "orders-7d9f5b6c4-x2x8z" };
    return { env: { ...env, AWS_ROLE_ARN: ROLE_ARN }, prefix: [] };
  },
};

async function client(way: string, command: readonly string[]): Promise<string> {
  const { env, prefix } = await WAYS[way]!();
  const [file = "", ...args] = [...prefix, ...command];
  const { AWS_ROLE_ARN: _, ...own } = environment;
  // exec reads the role from its own environment.
  const base = way === "exec" || way === "credential_process" ? environment : own;
  const { stdout } = await run(file, args, { env: { ...base, ...env, AWS_PAGER: "" } });
  return stdout;
}

const BOTO3 = `
import boto3, json, sys
sts, s3 = sys.argv[1:]
arn = boto3.client("sts", endpoint_url=sts).get_caller_identity()["Arn"]
buckets = [bucket["Name"] for bucket in boto3.client("s3", endpoint_url=s3).list_buckets()["Buckets"]]
print(json.dumps({"arn": arn, "buckets": buckets}))
`;

describe.each(Object.keys(WAYS))("through %s", (way) => {
  it("the AWS CLI is the role, and lists its buckets", async () => {
    const identity = await client(way, ["aws", "sts", "get-caller-identity", "--endpoint-url", clouds.sts.url]);
    expect(JSON.parse(identity)).toMatchObject({ Arn: ARN, Account: "123456789012" });
    expect(await client(way, ["aws", "s3", "ls", "--endpoint-url", s3.url])).toMatch(/ orders\n$/);
  });

  it("boto3 is the role, and lists its buckets", async () => {
    const stdout = await client(way, ["/usr/bin/python3", "-c", BOTO3, clouds.sts.url, s3.url]);
    expect(JSON.parse(stdout)).toEqual({ arn: ARN, buckets: ["orders"] });
  });
});

const KEYS = "aws_access_key_id = AKIDFOREIGN\naws_secret_access_key = x\n";
const FOREIGN: Readonly<Record<string, { file?: string; text?: string; env?: NodeJS.ProcessEnv }>> = {
  "keys in the environment": { env: { AWS_ACCESS_KEY_ID: "AKIDFOREIGN", AWS_SECRET_ACCESS_KEY: "x" } },
  "keys in the credentials file": { file: ".aws/credentials", text: `[default]\n${KEYS}` },
  "keys in the config file": { file: ".aws/config", text: `[default]\n${KEYS}` },
  "a credential_process": { file: ".aws/config", text: "[default]\ncredential_process = /bin/false\n" },
  "a profile with role_arn": {
    file: ".aws/config",
    text: `[profile web]\nrole_arn = ${ROLE_ARN}\nsource_profile = base\n[profile base]\n${KEYS}`,
    env: { AWS_PROFILE: "web" },
  },
  "boto's file": { file: ".boto", text: `[Credentials]\n${KEYS}` },
  "a bearer token": { env: { AWS_BEARER_TOKEN_S3: "x" } },
};

describe.each(Object.entries(FOREIGN))("under exec, with %s around", (_, { file, text = "", env = {} }) => {
  it("the AWS CLI and boto3 are the served role", async () => {
    const home = await mkdtemp(join(directory, "home-"));
    await mkdir(join(home, ".aws"));
    if (file !== undefined) await writeFile(join(home, file), text);
    const { AWS_CONFIG_FILE: _config, AWS_SHARED_CREDENTIALS_FILE: _credentials, ...base } = environment;
    const exec = (...command: string[]) =>
      run(process.execPath, [CLI, "exec", "--role-arn", ROLE_ARN, "--", ...command], {
        env: { ...base, HOME: home, AWS_PAGER: "", ...env },
      });
    const identity = await exec("/usr/bin/aws", "sts", "get-caller-identity", "--endpoint-url", clouds.sts.url);
    expect(JSON.parse(identity.stdout)).toMatchObject({ Arn: ARN });
    const { stdout } = await exec("/usr/bin/python3", "-c", BOTO3, clouds.sts.url, s3.url);
    expect(JSON.parse(stdout)).toEqual({ arn: ARN, buckets: ["orders"] });
  });
});

it("a client whose credential_process is refused shows the hint", async () => {
  const refused = join(directory, "refused");
  const arn = "arn:aws:iam::123456789012:role/nobody";
  await writeFile(refused, `[default]\ncredential_process = ${process.execPath} ${CLI} credential-process ${arn}\n`);
  const env = { ...environment, AWS_CONFIG_FILE: refused, AWS_ROLE_ARN: undefined };
  const failure = await run("aws", ["sts", "get-caller-identity", "--endpoint-url", clouds.sts.url], { env }).catch(
    (error: { stderr: string }) => error,
  );
  expect(failure.stderr).toContain("STS_ACCESS_DENIED");
  expect(failure.stderr).toContain("aws iam update-assume-role-policy --role-name nobody");
});
