import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { startListBucketsServer } from "../../examples/demo/list-buckets-server.mjs";
import type { AwsSts } from "../../src/testing/index.js";
import { startLoopbackServer } from "../../src/testing/lib/loopback-server.js";
import { runNode, startProgram } from "../support/run-node.js";
import { ROLE, ROLE_ARN, startTwoClouds, type TwoClouds } from "../support/two-clouds.js";

const EXAMPLES = "examples";
const TARGET_ROLE_ARN = "arn:aws:iam::210987654321:role/partner";
const partner = {
  arn: TARGET_ROLE_ARN,
  trustPolicy: {
    Statement: {
      Effect: "Allow",
      Principal: { AWS: ROLE_ARN },
      Action: "sts:AssumeRole",
      Condition: { StringEquals: { "sts:ExternalId": "42" } },
    },
  },
};

let clouds: TwoClouds;
let s3: Awaited<ReturnType<typeof startListBucketsServer>>;

/** The two clouds with sessions of this length, and an S3. */
async function start(sessionSeconds?: number): Promise<void> {
  clouds = await startTwoClouds({ roles: [ROLE, partner], sessionSeconds });
  s3 = await startListBucketsServer({ sts: clouds.sts, buckets: ["invoices", "orders"] });
  vi.stubEnv("AWS_ENDPOINT_URL_S3", s3.url);
  vi.stubEnv("AWS_REGION", "eu-west-1");
}
const stop = () => Promise.all([s3.close(), clouds[Symbol.asyncDispose]()]);

const exchanges = () => clouds.sts.requests.filter(({ action }) => action === "AssumeRoleWithWebIdentity").length;

/** A DynamoDB that knows ListTables, and answers it only to a live session. */
const startListTablesServer = (sts: AwsSts) =>
  startLoopbackServer(async (request) => {
    const [status, answer] = await sts.authenticate(request).then(
      () => [200, { TableNames: ["orders"] }] as const,
      ({ code, message }) => [400, { __type: code, message }] as const,
    );
    return { status, headers: { "Content-Type": "application/x-amz-json-1.0" }, body: JSON.stringify(answer) };
  });

describe("the examples", () => {
  beforeEach(() => start());
  afterEach(stop);

  it.each(["script/list-buckets.mjs", "commonjs/list-buckets.cjs"])("%s lists the buckets, and ends", async (file) => {
    expect(await runNode([`${EXAMPLES}/${file}`])).toMatchObject({ code: 0, stdout: "invoices\norders\n", stderr: "" });
  });

  it("opentelemetry prints the metrics of its one session, and ends", async () => {
    const { code, stdout, stderr } = await runNode([`${EXAMPLES}/opentelemetry/main.mjs`]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/aws\.credentials\.refreshes[\s\S]*outcome: 'success'[\s\S]*value: 1/);
    expect(stdout).toContain("aws.credentials.expiration");
  });

  it("commonjs/list-buckets.cjs says what to do where the role refuses", async () => {
    const env = { AWS_ROLE_ARN: "arn:aws:iam::123456789012:role/nobody" };
    const { code, stdout, stderr } = await runNode([`${EXAMPLES}/commonjs/list-buckets.cjs`], { env });
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(/^STS_ACCESS_DENIED\n/);
    expect(stderr).toContain("aws iam get-role --role-name nobody");
  });

  it("http-service serves three clients from one session, is ready with it, and drains at SIGTERM", async () => {
    await using tables = await startListTablesServer(clouds.sts);
    const env = { AWS_ENDPOINT_URL_DYNAMODB: tables.url, PORT: "0" };
    await using program = startProgram([`${EXAMPLES}/http-service/server.mjs`], { env });
    await vi.waitFor(() => expect(program.stdout()).toMatch(/port \d+\n/), { timeout: 10_000 });
    const port = /port (\d+)/.exec(program.stdout())![1];
    const get = async (path: string) => {
      const response = await fetch(`http://127.0.0.1:${port}${path}`, { headers: { Connection: "close" } });
      return [response.status, await response.json()];
    };
    const answers = await Promise.all(["/livez", "/readyz", "/whoami", "/buckets", "/tables", "/nothing"].map(get));
    expect(answers).toEqual([
      [200, { alive: true }],
      [200, { expires: expect.stringMatching(/Z$/) }],
      [200, { arn: "arn:aws:sts::123456789012:assumed-role/reader/orders-7d9f5b6c4-x2x8z" }],
      [200, { names: ["invoices", "orders"] }],
      [200, { names: ["orders"] }],
      [404, { error: "no such page" }],
    ]);
    expect(exchanges()).toBe(1);
    program.child.kill("SIGTERM");
    expect(await program.done).toMatchObject({ code: 0, stderr: "" });
  });

  it("http-service answers 503 with the code, and logs the hint, where there is no session", async () => {
    const env = { AWS_ROLE_ARN: "arn:aws:iam::123456789012:role/nobody", PORT: "0" };
    await using program = startProgram([`${EXAMPLES}/http-service/server.mjs`], { env });
    await vi.waitFor(() => expect(program.stdout()).toMatch(/port \d+\n/), { timeout: 10_000 });
    const response = await fetch(`http://127.0.0.1:${/port (\d+)/.exec(program.stdout())![1]}/readyz`);
    expect([response.status, await response.json()]).toEqual([503, { error: "STS_ACCESS_DENIED" }]);
    program.child.kill("SIGTERM");
    const { stderr } = await program.done;
    expect(stderr).toContain("aws iam get-role");
    const events = stderr.split("\n").filter((line) => line.startsWith('{"severity'));
    expect(events.map((line) => JSON.parse(line))).toEqual([
      expect.objectContaining({ severity: "ERROR", code: "STS_ACCESS_DENIED", failures: 1 }),
    ]);
  });

  it("cross-account lists the other account's buckets as the other account's role", async () => {
    const env = { TARGET_ROLE_ARN, EXTERNAL_ID: "42" };
    const { code, stdout, stderr } = await runNode([`${EXAMPLES}/cross-account/list-buckets.mjs`], { env });
    expect({ code, stdout }).toEqual({ code: 0, stdout: "invoices\norders\n" });
    expect(stderr).toMatch(/^as AROA[A-Z2-7]{16}:orders-7d9f5b6c4-x2x8z\n$/);
    const { parameters } = clouds.sts.requests.find(({ action }) => action === "AssumeRole")!;
    expect(parameters).toMatchObject({ RoleArn: TARGET_ROLE_ARN, ExternalId: "42" });
  });

  it.each([
    ["vitest", ["node_modules/vitest/vitest.mjs", "run", "--config", `${EXAMPLES}/unit-tests/vitest.config.mjs`], 4],
    ["node:test", ["--test", `${EXAMPLES}/unit-tests/downloads.node-test.mjs`], 3],
  ])("unit-tests pass under %s, with no cloud at all", async (_, args, passed) => {
    const nowhere = { AWS_ENDPOINT_URL_STS: "http://127.0.0.1:1", GCE_METADATA_HOST: "127.0.0.1:1" };
    const { code, stdout, stderr } = await runNode(args, { env: { ...nowhere, AWS_ROLE_ARN: undefined } });
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(new RegExp(`pass ${passed}|${passed} passed`));
  });
});

describe("a worker", () => {
  beforeEach(() => start(3));
  afterEach(stop);

  it("runs past the lives of several sessions without a failed job", async () => {
    await using program = startProgram([`${EXAMPLES}/worker/worker.mjs`], { env: { PAUSE_MS: "50" }, limitMs: 30_000 });
    await vi.waitFor(() => expect(program.stdout().match(/^session until /gm)?.length).toBeGreaterThanOrEqual(4), {
      timeout: 20_000,
    });
    program.child.kill("SIGTERM");
    const { code, stdout, stderr } = await program.done;
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(Number(/(\d+) jobs done, 0 failed/.exec(stdout)?.[1])).toBeGreaterThan(20);
  });
});
