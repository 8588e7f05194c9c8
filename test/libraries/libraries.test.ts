import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, describe, expect, inject, it, vi } from "vitest";
import { startProgram } from "../support/run-node.js";
import { ROLE_ARN, startTwoClouds, type TwoClouds } from "../support/two-clouds.js";
import { type Cloud, startCloud } from "./cloud.js";
import { libraries, makeProject, PAGE, type Project, TYPES_ALONE } from "./project.js";
import { startRealPostgres } from "./real-postgres.js";
import { type Certificate, makeCertificate } from "./tls.js";

const SESSION_SECONDS = 8;
const DATABASE = "orders.abc123.eu-west-1.rds.amazonaws.com";

let directory: string;
let project: Project;
let clouds: TwoClouds;
let certificate: Certificate;
let cloud: Cloud;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "libraries-"));
  project = await makeProject(directory, inject("tarball"));
  clouds = await startTwoClouds({ sessionSeconds: SESSION_SECONDS });
  certificate = makeCertificate(directory, hostNames());
  const bson = createRequire(join(directory, "node_modules/mongodb/package.json"))("bson");
  cloud = await startCloud(clouds.sts, certificate, bson);
});
afterAll(async () => {
  await cloud?.[Symbol.asyncDispose]();
  await clouds?.[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

/** The hosts that the snippets name, and those that the libraries make of a region. */
function hostNames(): readonly string[] {
  const code = [...project.files.values()].join("\n");
  const named = code.match(/[\w.-]+\.(?:amazonaws\.com|on\.aws)/g) ?? [];
  const services = ["bedrock-runtime", "email", "logs", "dynamodb", "sqs", "s3", "*.s3", "*.ddb", "*.execute-api"];
  const made = services.map((name) => `${name}.eu-west-1.amazonaws.com`);
  return [...new Set([...named, ...made, "shard-0.orders.abc123.mongodb.net"])];
}

/** Starts a program of the project, whose connections to other machines come to the cloud on loopback. */
const start = (args: readonly string[], env: NodeJS.ProcessEnv = {}, ports: object = {}) =>
  startProgram(["--import", "./to-loopback.mjs", ...args], {
    cwd: directory,
    env: {
      LOOPBACK_PORTS: JSON.stringify({ ...cloud.ports, ...ports }),
      NODE_EXTRA_CA_CERTS: certificate.file,
      GCE_METADATA_HOST: clouds.metadata.host,
      AWS_ENDPOINT_URL_STS: clouds.sts.url,
      AWS_ROLE_ARN: ROLE_ARN,
      AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: "true",
      ...env,
    },
    stdin: "pipe",
    limitMs: 150_000,
  });

describe.concurrent("the snippets of the page and the examples", () => {
  it.each(["nodenext", "bundler"] as const)("compile strictly with %s", { timeout: 120_000 }, async (resolution) => {
    expect(await project.compile(resolution)).toBe("");
  });
});

describe("each snippet of the page", () => {
  it("is used before and after the end of a session, which signs all its requests", { timeout: 160_000 }, async () => {
    const files = [...project.files.keys()].filter((file) => !["credentials.ts", TYPES_ALONE].includes(file));
    await using program = start(["uses.mjs", String(SESSION_SECONDS * 1000), ...files]);
    const uses: { file: string; round: number; error?: string; signers: readonly string[] }[] = [];
    let before = cloud.signers.length;
    for await (const line of createInterface({ input: program.child.stdout! })) {
      if (!line.startsWith('{"file"')) continue;
      uses.push({ ...JSON.parse(line), signers: cloud.signers.slice(before) });
      before = cloud.signers.length;
      program.child.stdin!.write("\n");
    }
    const { code, stderr } = await program.done;
    const failed = uses.filter(({ error, signers }) => error !== undefined || signers.length === 0);
    const seen = { code, failed, refusals: cloud.refusals };
    expect(seen, stderr.slice(-4_000)).toEqual({ code: 0, failed: [], refusals: [] });
    for (const file of files) {
      const [first, second] = uses.filter((use) => use.file === file);
      expect([file, first?.round, second?.round]).toEqual([file, 1, 2]);
      expect(second!.signers.filter((signer) => first!.signers.includes(signer))).toEqual([]);
    }
  });

  it("is in the page's list, with the versions that were run", async () => {
    const versions: string[] = [];
    for (const name of libraries(project)) versions.push(`\`${name}@${await project.versionOf(name)}\``);
    expect(versions.length).toBeGreaterThan(30);
    const [before, after] = (await readFile(PAGE, "utf8")).split(/(?<=<!-- test:libraries -->)[\s\S]*(?=<!-- end -->)/);
    await writeFile(PAGE, `${before}\n\n${versions.join(",\n")}.\n\n${after}`);
  });
});

describe.concurrent("the example", { timeout: 90_000 }, () => {
  /** Writes a line, waits for the answer, and does so again when the session has ended. */
  async function askTwice(
    program: ReturnType<typeof start>,
    answer: string,
    meanwhile = async () => {},
  ): Promise<void> {
    const answered = (times: number) =>
      vi.waitFor(() => expect(program.stdout()).toBe(`${answer}\n`.repeat(times)), { timeout: 30_000, interval: 50 });
    program.child.stdin!.write("Hello\n");
    await answered(1);
    await new Promise((resolve) => setTimeout(resolve, SESSION_SECONDS * 1000));
    await meanwhile();
    program.child.stdin!.write("Hello\n");
    await answered(2);
    program.child.stdin!.end();
    expect(await program.done).toMatchObject({ code: 0 });
  }

  it.each<[file: string, answer: string, env: NodeJS.ProcessEnv]>([
    ["bedrock/ai-sdk.mjs", "Hello", {}],
    ["bedrock/anthropic.mjs", "Hello", {}],
    [
      "databases/mongodb.mjs",
      "yes",
      { MONGODB_URI: "mongodb+srv://orders.abc123.mongodb.net/?authSource=%24external" },
    ],
    ["kafka/topics.mjs", "orders", { BROKERS: "b-1.orders.abc123.c2.kafka.eu-west-1.amazonaws.com:9098" }],
  ])("%s goes on after the end of its session", async (file, answer, env) => {
    await using program = start([`examples/${file}`], env);
    await askTwice(program, answer);
  });

  it("databases/postgres.mjs logs in to a real PostgreSQL, and again with a new token when the server was restarted", async ({
    skip,
  }) => {
    await using postgres = await startRealPostgres(certificate, cloud.verifyUrl);
    if (!postgres) return skip("PostgreSQL of Debian is not installed");
    const env = { PGHOST: DATABASE, PGUSER: "app", PGDATABASE: "postgres" };
    await using program = start(["examples/databases/postgres.mjs"], env, { 5432: postgres.port });
    await askTwice(program, "HELLO", postgres.restart);
  });
});
