import { ListBucketsCommand, S3Client } from "@aws-sdk/client-s3";
import { fromTokenFile } from "@aws-sdk/credential-providers";
import { createTrustPolicy, fromGkeWorkloadIdentity } from "gke-aws-credentials";
import { startAwsSts, startClusterIssuer } from "gke-aws-credentials/testing";
import { startListBucketsServer } from "../../examples/demo/list-buckets-server.mjs";
import { moveOn } from "../lib/clock.mjs";
import { region, roleArn } from "../lib/clouds.mjs";

const MINUTE = 60_000;
const SESSION_MS = 60 * MINUTE;
/** The outage begins with eleven minutes of the session left, and ends with one minute left. */
const LEFT_MS = 11 * MINUTE;
const OUTAGE_MS = 10 * MINUTE;
const EVERY_MS = 10_000;

/** A cluster, its token in a file, and an STS that trusts it, with a pod's environment. */
async function startPod() {
  const pod = { namespace: "shop", serviceAccountName: "orders" };
  const awsAccountId = roleArn.split(":")[4];
  const cluster = await startClusterIssuer();
  const token = cluster.projectToken(pod);
  const trustPolicy = createTrustPolicy({ issuer: cluster.issuer, awsAccountId, ...pod });
  const sts = await startAwsSts({
    oidcProviders: [cluster.oidcProvider(awsAccountId)],
    roles: [{ arn: roleArn, trustPolicy }],
  });
  const s3 = await startListBucketsServer({ sts, buckets: ["orders"] });
  Object.assign(process.env, {
    AWS_ENDPOINT_URL_STS: sts.url,
    AWS_ENDPOINT_URL_S3: s3.url,
    AWS_REGION: region,
    AWS_ROLE_ARN: roleArn,
    AWS_WEB_IDENTITY_TOKEN_FILE: token.file,
  });
  const close = () => Promise.all([token.close(), cluster.close(), sts.close(), s3.close()]);
  return { token, sts, close };
}

/** A request every ten seconds through an outage of STS of ten minutes, and a minute after it. */
async function outage(credentials) {
  const pod = await startPod();
  const client = new S3Client({
    region,
    disableClockSkewCorrection: true,
    ...(credentials && { credentials: credentials() }),
  });
  const request = () => client.send(new ListBucketsCommand({}));
  await request();
  moveOn(SESSION_MS - LEFT_MS);
  pod.token.rotate();
  pod.sts.injectFault({ kind: "status", status: 503 });
  const before = pod.sts.requests.length;
  const count = async (requests) => {
    let failed = 0;
    for (let sent = 0; sent < requests; sent += 1) {
      await request().catch(() => {
        failed += 1;
      });
      // A refresh in the background has real time to fail in.
      await new Promise((resolve) => setTimeout(resolve, 50));
      moveOn(EVERY_MS);
    }
    return failed;
  };
  const sent = OUTAGE_MS / EVERY_MS - 1;
  const during = await count(sent);
  const calls = pod.sts.requests.length - before;
  pod.sts.clearFaults();
  moveOn(EVERY_MS);
  const after = await count(6);
  await pod.close();
  return [sent, during, calls, after];
}

export default async function measure() {
  return {
    title:
      "A projected token in a file: an STS outage of ten minutes that begins with eleven minutes of the session left",
    columns: ["", "requests in the outage", "failed", "STS calls in the outage", "failed in the minute after it"],
    rows: [
      ["gke-aws-credentials", ...(await outage(() => fromGkeWorkloadIdentity()))],
      ["`fromTokenFile()` given as `credentials`", ...(await outage(() => fromTokenFile()))],
      ["the SDK's default chain, no `credentials` given", ...(await outage(undefined))],
    ],
  };
}
