// Runs inside a network namespace: starts what answers there, asks a credential chain, and prints what came of it.
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import { createCredentialChain } from "@aws-sdk/credential-providers";
import { fromGkeWorkloadIdentity } from "../../../dist/index.js";
import { fakeIdTokenProvider, fakeRoleAssumer } from "../../../dist/testing.js";

const { server, proxy, startMs = 0, onStart, timeoutMs = 30_000 } = JSON.parse(process.argv[2] ?? "{}");
const roleArn = "arn:aws:iam::123456789012:role/reader";
const tokens = fakeIdTokenProvider();
let requests = 0;
let proxied = 0;

const answer = async (request, response) => {
  requests += 1;
  const { status = 200, headers = { "Metadata-Flavor": "Google" }, body, firstMs = 0 } = server;
  if (requests === 1) await new Promise((resolve) => setTimeout(resolve, firstMs));
  const { searchParams } = new URL(request.url, "http://x");
  const token = searchParams.get("audience") && (await tokens.fetchIdToken(searchParams.get("audience")));
  response.writeHead(status, headers).end(body ?? token ?? "instance/\n");
};
async function start() {
  if (onStart) execFileSync("sh", ["-ec", onStart]);
  await once(createServer(answer).listen(80, "::"), "listening");
}
if (proxy) {
  const count = () => {
    proxied += 1;
  };
  createServer(count).on("connect", count).on("connection", count).listen(proxy, "127.0.0.1");
}

const makeProvider = () =>
  fromGkeWorkloadIdentity({ roleArn, roleAssumerWithWebIdentity: fakeRoleAssumer(), timeoutMs });

/** Loads all packages, which takes long on a busy machine and is not what is measured. */
async function warmUp() {
  const { GCE_METADATA_HOST } = process.env;
  const refuse = createServer((_, response) => response.writeHead(404, { "Metadata-Flavor": "Google" }).end());
  await once(refuse.listen(0, "127.0.0.1"), "listening");
  process.env.GCE_METADATA_HOST = `127.0.0.1:${refuse.address().port}`;
  await makeProvider()().catch(() => {});
  refuse.close();
  if (GCE_METADATA_HOST === undefined) delete process.env.GCE_METADATA_HOST;
  else process.env.GCE_METADATA_HOST = GCE_METADATA_HOST;
}
await warmUp();
if (server && startMs === 0) await start();

const provider = makeProvider();
let failure;
const google = () =>
  provider().catch((error) => {
    failure = error;
    throw error;
  });
const begin = performance.now();
if (server && startMs > 0) setTimeout(() => void start(), startMs);
const found = await createCredentialChain(google, async () => ({ accessKeyId: "NEXT" }))().catch(() => undefined);
const ms = Math.round(performance.now() - begin);
const goesTo = found === undefined ? "nowhere" : found.accessKeyId === "NEXT" ? "next" : "google";
const { code, message, tryNextLink } = failure ?? {};
process.stdout.write(JSON.stringify({ goesTo, code, message, tryNextLink, ms, requests, proxied }));
process.exit(0);
