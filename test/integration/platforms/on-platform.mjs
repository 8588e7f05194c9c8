// Runs inside a network namespace. For each platform in turn: sets the environment, starts what answers there, asks for
// credentials, and prints what came of it as a line of JSON.
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { setTimeout } from "node:timers/promises";
import { createCredentialChain } from "@aws-sdk/credential-providers";
import { gcpMetadata } from "google-auth-library";
import { fromGkeWorkloadIdentity } from "../../../dist/index.js";
import { fakeIdTokenProvider, fakeRoleAssumer } from "../../../dist/testing.js";

const SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount";
const roleArn = "arn:aws:iam::123456789012:role/reader";
const tokens = fakeIdTokenProvider();

const makeProvider = (timeoutMs = 30_000, more = {}) =>
  fromGkeWorkloadIdentity({ roleArn, roleAssumerWithWebIdentity: fakeRoleAssumer(), timeoutMs, ...more });
const next = async () => ({ accessKeyId: "NEXT", secretAccessKey: "x" });

/** Loads all packages, which takes long on a busy machine and is not what is measured. */
async function warmUp() {
  const refuse = createServer((_, response) => response.writeHead(404, { "Metadata-Flavor": "Google" }).end());
  await once(refuse.listen(0, "127.0.0.1"), "listening");
  process.env.GCE_METADATA_HOST = `127.0.0.1:${refuse.address().port}`;
  await makeProvider()().catch(() => {});
  refuse.close();
  delete process.env.GCE_METADATA_HOST;
}

/** The environment, and the pod's Kubernetes token where it has one. */
function enter({ env, token }) {
  Object.assign(process.env, env);
  rmSync(SERVICE_ACCOUNT, { recursive: true, force: true });
  if (token) {
    mkdirSync(SERVICE_ACCOUNT, { recursive: true });
    writeFileSync(`${SERVICE_ACCOUNT}/token`, token);
  }
  // google-auth-library looks for Google's machines once in a process.
  gcpMetadata.setGCPResidency();
  return () => {
    for (const name of Object.keys(env)) delete process.env[name];
  };
}

async function ask({ server, proxy, startMs = 0, onStart, timeoutMs, way = "chain" }) {
  const open = [];
  let requests = 0;
  let proxied = 0;
  const begin = performance.now();
  const answer = async (request, response) => {
    requests += 1;
    const { status = 200, headers = { "Metadata-Flavor": "Google" }, body, firstMs = 0, early } = server;
    if (early && performance.now() - begin < early.ms) return response.writeHead(early.status).end("upstream error");
    if (requests === 1) await setTimeout(firstMs);
    const { searchParams } = new URL(request.url, "http://x");
    const token = searchParams.get("audience") && (await tokens.fetchIdToken(searchParams.get("audience")));
    response.writeHead(status, headers).end(body ?? token ?? "instance/\n");
  };
  const start = async () => {
    if (onStart) execFileSync("sh", ["-ec", onStart]);
    const listening = createServer(answer).listen(80, "::");
    open.push(listening);
    await once(listening, "listening");
  };
  if (proxy) {
    const count = () => {
      proxied += 1;
    };
    open.push(createServer(count).on("connect", count).on("connection", count).listen(proxy, "127.0.0.1"));
  }
  if (server && startMs === 0) await start();

  const provider = makeProvider(timeoutMs, way === "fallback" ? { fallback: next } : {});
  let failure;
  const google = () =>
    provider().catch((error) => {
      failure = error;
      throw error;
    });
  const askOnce = async () => {
    const start = performance.now();
    const found = await (way === "fallback" ? google() : createCredentialChain(google, next)()).catch(() => undefined);
    return { found, ms: Math.round(performance.now() - start) };
  };
  if (server && startMs > 0) void setTimeout(startMs).then(start);
  const { found, ms } = await askOnce();
  // Sooner, a provider repeats its failure without asking.
  if (way === "twice") await setTimeout(1_100);
  const againMs = way === "twice" ? (await askOnce()).ms : undefined;
  for (const one of open) {
    one.close();
    one.closeAllConnections();
  }
  const goesTo = found === undefined ? "nowhere" : found.accessKeyId === "NEXT" ? "next" : "google";
  const { code, message, hint, tryNextLink } = failure ?? {};
  return { goesTo, code, message, hint, tryNextLink, ms, againMs, requests, proxied };
}

await warmUp();
for (const platform of JSON.parse(process.argv[2])) {
  const leave = enter(platform);
  process.stdout.write(`${JSON.stringify(await ask(platform))}\n`);
  leave();
}
process.exit(0);
