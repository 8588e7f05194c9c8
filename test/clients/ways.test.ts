import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { describe, expect, inject, it } from "vitest";
import { CLIENT_NAMES, CLIENTS, type ClientName } from "./clients.js";
import { BUCKET, CLI, type Pod, ROLE_ARN, startPod, startServe, type Use, useS3 } from "./pod.js";

const run = promisify(execFile);

/** A way into this package: how it starts in a pod, and what a client's world is then. */
type Way = (pod: Pod, client: ClientName) => Promise<Use & Partial<AsyncDisposable>>;

const WAYS: Readonly<Record<string, Way>> = {
  exec: async ({ env }) => ({ env, prefix: [...CLI, "exec", "--"] }),
  "serve --print-token": (pod) => startServe(pod, ["--print-token"]),
  "serve --token-file": (pod) => startServe(pod, ["--token-file", `${pod.home}/authorization`]),
  "token --output-file": async ({ env, clientEnv, home, recorder }, client) => {
    const file = `${home}/token`;
    const [node, ...args] = [...CLI, "token", "--audience", "sts.amazonaws.com", "--output-file", file];
    await run(node, args, { env });
    // Debian's clients ask AWS's own STS: the recorder stands in for it, behind a proxy and with a certificate.
    const { certFile } = inject("tls");
    const isRclone = client.startsWith("rclone");
    return {
      env: {
        ...clientEnv,
        AWS_WEB_IDENTITY_TOKEN_FILE: file,
        AWS_ROLE_ARN: ROLE_ARN,
        AWS_ROLE_SESSION_NAME: "orders-7d9f5b6c4-x2x8z",
        AWS_ENDPOINT_URL_STS: recorder.url,
        SSL_CERT_FILE: certFile,
        // rclone refuses to start with this variable.
        ...(!isRclone && { AWS_CA_BUNDLE: certFile }),
      },
    };
  },
  credential_process: async ({ env, write }, client) => {
    const line = `[default]\ncredential_process = ${CLI.join(" ")} credential-process ${ROLE_ARN}\n`;
    // minio-go reads the credentials file alone.
    const variable = client.startsWith("restic") ? "AWS_SHARED_CREDENTIALS_FILE" : "AWS_CONFIG_FILE";
    return { env: { ...env, AWS_ROLE_ARN: undefined, [variable]: await write("process", line) } };
  },
};

const OLDER_THAN_THE_TOKEN_FILE = CLIENT_NAMES.filter((name) => name !== "the JavaScript SDK");
/** What does not work, as docs/how-to/other-programs.md says. */
const DOES_NOT_WORK: Readonly<Record<string, readonly ClientName[]>> = {
  "serve --token-file": OLDER_THAN_THE_TOKEN_FILE,
};

describe.each(Object.keys(WAYS))("through %s", (way) => {
  const works = (client: ClientName): boolean => !DOES_NOT_WORK[way]?.includes(client);

  it.each(CLIENT_NAMES.filter(works))("%s puts, gets and lists as the role", async (client) => {
    await using pod = await startPod();
    await using use = { [Symbol.asyncDispose]: async () => {}, ...(await WAYS[way]!(pod, client)) };
    const { stdout, expected } = await useS3(CLIENTS[client], { endpoint: pod.recorder.url, ...use });
    expect(stdout).toBe(expected);
    const { s3, sessions } = pod.recorder;
    expect(sessions).not.toHaveLength(0);
    expect(sessions).toEqual(expect.arrayContaining([...new Set(s3.map((call) => call.accessKeyId))]));
  });

  it.each(CLIENT_NAMES.filter((client) => !works(client)))("%s finds no credentials", async (client) => {
    await using pod = await startPod();
    await using use = { [Symbol.asyncDispose]: async () => {}, ...(await WAYS[way]!(pod, client)) };
    const [file, ...args] = [...CLIENTS[client], pod.recorder.url, BUCKET];
    await expect(run(file, args, { env: use.env })).rejects.toThrow();
    expect(pod.recorder.s3.filter((call) => call.accessKeyId !== undefined)).toEqual([]);
  });
});

it("the AWS CLI shows the hint when its credential_process is refused", async () => {
  await using pod = await startPod();
  const line = `[default]\ncredential_process = ${CLI.join(" ")} credential-process arn:aws:iam:::role/nobody\n`;
  const env = { ...pod.env, AWS_ROLE_ARN: undefined, AWS_CONFIG_FILE: await pod.write("process", line) };
  const failure = await run("/usr/bin/aws", ["s3", "ls", "--endpoint-url", pod.recorder.url], { env }).catch(
    (error: { stderr: string }) => error,
  );
  expect(failure.stderr).toContain("STS_ACCESS_DENIED");
  expect(failure.stderr).toContain("aws iam get-role --role-name nobody");
});
