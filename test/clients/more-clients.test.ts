import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, inject, it } from "vitest";
import { BUCKET, CLI, type Pod, ROLE_ARN, startPod, startServe } from "./pod.js";

const run = promisify(execFile);
const program = (name: string): string => join(import.meta.dirname, "programs", name);
const EXEC = [...CLI, "exec", "--"];

/** Under `exec`, or beside `serve` with the variables that it printed. */
const WAYS = {
  exec: async (pod: Pod) => ({ prefix: EXEC, env: pod.env, [Symbol.asyncDispose]: async () => {} }),
  "serve --token-file": async (pod: Pod) => ({
    prefix: [],
    ...(await startServe(pod, ["--token-file", `${pod.home}/authorization`])),
  }),
  "serve --print-token": async (pod: Pod) => ({ prefix: [], ...(await startServe(pod, ["--print-token"])) }),
};

async function runThrough(way: keyof typeof WAYS, pod: Pod, words: readonly string[]): Promise<string> {
  await using use = await WAYS[way](pod);
  const [file = "", ...args] = [...use.prefix, ...words];
  return (await run(file, args, { env: use.env })).stdout;
}

describe("the AWS CRT, which sends Host without the port", () => {
  // The CRT of Debian 12 knows the token's variable alone.
  it.each(["exec", "serve --print-token"] as const)("of Debian's Python finds the session through %s", async (way) => {
    await using pod = await startPod();
    const stdout = await runThrough(way, pod, ["/usr/bin/python3", program("crt.py")]);
    expect([stdout.trim()]).toEqual(pod.recorder.sessions);
  });

  it.each(["exec", "serve --print-token", "serve --token-file"] as const)(
    "of npm's aws-crt signs a request for the bucket through %s",
    async (way) => {
      await using pod = await startPod();
      const stdout = await runThrough(way, pod, [process.execPath, program("crt.mjs"), pod.recorder.url, BUCKET]);
      expect([stdout, pod.recorder.s3.map(({ accessKeyId }) => accessKeyId)]).toEqual(["200\n", pod.recorder.sessions]);
    },
  );
});

describe("Rust's object_store, which reads the token's file alone", () => {
  it.each(["exec", "serve --token-file"] as const)("reads a parquet file for Polars through %s", async (way) => {
    await using pod = await startPod();
    const key = `${randomUUID()}.parquet`;
    const words = [process.execPath, program("polars.mjs"), pod.recorder.url, BUCKET, key];
    expect(await runThrough(way, pod, words)).toBe("1 2 3\n");
    const reads = pod.recorder.s3.filter(({ method, url }) => method !== "PUT" && url.includes(key));
    expect(reads.length).toBeGreaterThan(0);
    for (const { accessKeyId } of reads) expect(pod.recorder.sessions).toContain(accessKeyId);
  });
});

describe("behind a proxy that takes CONNECT", () => {
  const hosts = ["sts.eu-west-3.amazonaws.com:443", "s3.example:443"];

  it.each(["exec", "credential_process"])("the AWS CLI and the command reach AWS through %s", async (way) => {
    await using pod = await startPod();
    const { certFile } = inject("tls");
    const line = `[default]\ncredential_process = ${CLI.join(" ")} credential-process ${ROLE_ARN}\ns3 =\n  addressing_style = path\n`;
    const config = way === "exec" ? "[default]\ns3 =\n  addressing_style = path\n" : line;
    const env = {
      ...pod.env,
      // Not the recorder's own address: AWS's STS, for which the recorder stands behind its CONNECT.
      AWS_ENDPOINT_URL_STS: undefined,
      AWS_ROLE_ARN: way === "exec" ? ROLE_ARN : undefined,
      AWS_CONFIG_FILE: await pod.write("config", config),
      AWS_CA_BUNDLE: certFile,
      NODE_EXTRA_CA_CERTS: certFile,
    };
    const prefix = way === "exec" ? EXEC : [];
    const aws = ["/usr/bin/aws", "s3", "ls", `s3://${BUCKET}`, "--endpoint-url", "https://s3.example"];
    const [file = "", ...args] = [...prefix, ...aws];
    await run(file, args, { env });
    expect([...new Set(pod.recorder.tunnels)].sort()).toEqual([...hosts].sort());
    expect(pod.recorder.s3.map(({ accessKeyId }) => accessKeyId)).toEqual(pod.recorder.sessions);
  });
});
