import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { promisify } from "node:util";
import { expect, inject, vi } from "vitest";
import { startProgram } from "../support/run-node.js";
import { CLIENTS, type Client, type ClientName, USER_AGENTS } from "./clients.js";
import { type Call, type Recorder, type RecorderOptions, startRecorder } from "./recorder.js";

const run = promisify(execFile);

export const CLI = [process.execPath, resolve("dist/cli.cjs")] as const;
/** RGW's roles have no account id. */
export const ROLE_ARN = "arn:aws:iam:::role/reader";
export const REGION = "eu-west-3";
export const BUCKET = "orders";

/** A home of its own, and a recorder between its programs and the gateway's S3 and STS. */
export interface Pod extends AsyncDisposable {
  readonly recorder: Recorder;
  readonly home: string;
  /** For the command of this package. */
  readonly env: NodeJS.ProcessEnv;
  /** For a client that is a program of its own: it knows neither Google nor the role. */
  readonly clientEnv: NodeJS.ProcessEnv;
  readonly write: (name: string, text: string) => Promise<string>;
}

export async function startPod(options: Pick<RecorderOptions, "isS3Down"> = {}): Promise<Pod> {
  const { key, cert } = inject("tls");
  const recorder = await startRecorder({ gateway: inject("gatewayUrl"), key, cert, ...options });
  const home = await mkdtemp(join(tmpdir(), "home-"));
  const clientEnv = {
    PATH: "/usr/bin:/bin",
    HOME: home,
    LANG: "C.UTF-8",
    AWS_PAGER: "",
    AWS_REGION: REGION,
    AWS_DEFAULT_REGION: REGION,
    AWS_EC2_METADATA_DISABLED: "true",
    // Whatever a client sends elsewhere than to loopback ends here too, and is seen.
    HTTPS_PROXY: recorder.url,
    NO_PROXY: "127.0.0.1,localhost",
    NODE_NO_WARNINGS: "1",
  };
  const env = {
    ...clientEnv,
    GCE_METADATA_HOST: inject("metadataHost"),
    AWS_ENDPOINT_URL_STS: recorder.url,
    AWS_ROLE_ARN: ROLE_ARN,
    HOSTNAME: "orders-7d9f5b6c4-x2x8z",
  };
  const write = async (name: string, text: string): Promise<string> => {
    const path = join(home, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text, { mode: 0o700 });
    return path;
  };
  const close = async (): Promise<void> => {
    await Promise.all([recorder[Symbol.asyncDispose](), rm(home, { recursive: true })]);
  };
  return { recorder, home, env, clientEnv, write, [Symbol.asyncDispose]: close };
}

/** A sidecar, and the environment of a client beside it. */
export async function startServe(pod: Pod, flags: readonly string[]) {
  const serve = startProgram([CLI[1], "serve", ...flags], { env: pod.env, limitMs: 60_000 });
  await vi.waitFor(() => expect(serve.stdout()).toContain("AWS_CONTAINER_AUTHORIZATION_TOKEN"), { timeout: 20_000 });
  const printed = serve
    .stdout()
    .trim()
    .split("\n")
    .map((line) => line.split(/=(.*)/s, 2));
  const stop = () => serve[Symbol.asyncDispose]();
  return { env: { ...pod.clientEnv, ...Object.fromEntries(printed) }, [Symbol.asyncDispose]: stop };
}

export interface Use {
  readonly env: NodeJS.ProcessEnv;
  /** Words before the client's own. */
  readonly prefix?: readonly string[];
  readonly endpoint?: string;
}

/** Runs the client on one object; resolves with what the client printed and with what it has to print. */
export async function useS3(client: Client, { env, prefix = [], endpoint = "" }: Use) {
  const key = `order-${randomUUID()}`;
  const [file = "", ...args] = [...prefix, ...client, endpoint, BUCKET, key];
  const { stdout } = await run(file, args, { env });
  return { stdout, expected: `${key}\n${key}\n` };
}

/** Runs clients on the bucket, one after another in one shell, and says of each that it is done, or how it failed. */
export async function runEach<Name extends ClientName>(clients: readonly Name[], use: Use) {
  const { env, prefix = [], endpoint = "" } = use;
  const script = clients.map((client) => {
    const command = `${CLIENTS[client].join(" ")} '${endpoint}' ${BUCKET}`;
    return `said=$(${command} 2>&1 >/dev/null) && echo done || { printf %s "failed: $said" | tr '\\n' ' '; echo; }`;
  });
  const [file = "", ...args] = [...prefix, "/bin/sh", "-c", script.join("\n")];
  const { stdout } = await run(file, args, { env });
  const ends = stdout.trimEnd().split("\n");
  return Object.fromEntries(clients.map((client, index) => [client, ends[index]])) as Record<Name, string | undefined>;
}

/** The calls of one client to S3. */
export const callsOf = ({ s3 }: Pick<Recorder, "s3">, client: ClientName): readonly Call[] =>
  s3.filter(({ userAgent }) => USER_AGENTS[client].test(userAgent));
