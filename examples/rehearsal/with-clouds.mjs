// @ts-check
// Runs a command with both clouds and a small S3, all on loopback: `node with-clouds.mjs COMMAND…`. It reads the trust policy from
// trust-policy.json, the role from AWS_ROLE_ARN, and the unique id of the Google service account from UNIQUE_ID.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { startAwsSts, startGoogleMetadataServer } from "gke-aws-credentials/testing";

const { UNIQUE_ID: uniqueId = "", AWS_ROLE_ARN: arn = "" } = process.env;
const email = "orders@example-project.iam.gserviceaccount.com";
const trustPolicy = JSON.parse(readFileSync("trust-policy.json", "utf8"));
const metadata = await startGoogleMetadataServer({ serviceAccount: { email, uniqueId } });
const sts = await startAwsSts({ jwksUri: metadata.jwksUri, roles: [{ arn, trustPolicy }] });

// This S3 knows ListBuckets only, and answers requests that are signed with a live session of this STS.
const s3 = createServer(async ({ method = "", url = "", headers }, response) => {
  try {
    const { userId } = await sts.authenticate({ method, target: url, headers, body: new Uint8Array() });
    const buckets = "<Bucket><Name>orders</Name></Bucket><Bucket><Name>invoices</Name></Bucket>";
    const owner = `<Owner><ID>${userId}</ID></Owner>`;
    response.end(`<ListAllMyBucketsResult>${owner}<Buckets>${buckets}</Buckets></ListAllMyBucketsResult>`);
  } catch (error) {
    response.writeHead(403).end(`<Error><Code>AccessDenied</Code><Message>${error}</Message></Error>`);
  }
});
await once(s3.listen(0, "127.0.0.1"), "listening");

const [command = "", ...args] = process.argv.slice(2);
const child = spawn(command, args, {
  stdio: "inherit",
  env: {
    ...process.env,
    GCE_METADATA_HOST: metadata.host,
    AWS_ENDPOINT_URL_STS: sts.url,
    AWS_ENDPOINT_URL_S3: `http://127.0.0.1:${Object(s3.address()).port}`,
  },
});
const [code] = await once(child, "exit");
process.exit(code ?? 1);
