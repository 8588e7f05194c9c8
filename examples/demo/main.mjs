// @ts-check
import { performance } from "node:perf_hooks";
import { createTrustPolicy, GkeWorkloadIdentityError } from "gke-aws-credentials";
import { startAwsSts, startGoogleMetadataServer } from "gke-aws-credentials/testing";
import { startListBucketsServer } from "./list-buckets-server.mjs";
import { createService } from "./service.mjs";

const serviceAccount = { email: "orders@example-project.iam.gserviceaccount.com", uniqueId: "111035977024964273138" };
const reader = "arn:aws:iam::123456789012:role/reader";
const someoneElses = "arn:aws:iam::123456789012:role/someone-elses";

console.log("\nThe two clouds, on loopback");
const metadata = await startGoogleMetadataServer({ serviceAccount });
const aws = await startAwsSts({
  jwksUri: metadata.jwksUri,
  roles: [
    { arn: reader, trustPolicy: createTrustPolicy({ serviceAccountUniqueId: serviceAccount.uniqueId }) },
    { arn: someoneElses, trustPolicy: createTrustPolicy({ serviceAccountUniqueId: "999999999999999999999" }) },
  ],
});
const s3 = await startListBucketsServer({ sts: aws, buckets: ["invoices", "orders", "reports"] });
say("Google metadata server", metadata.url);
say("AWS STS", aws.url);
say("AWS S3 (ListBuckets)", s3.url);

// The first two variables are those of a pod on GKE. The others lead the SDK to the servers above.
process.env.AWS_ROLE_ARN = reader;
process.env.HOSTNAME = "orders-7d9f5b6c4-x2x8z";
process.env.GCE_METADATA_HOST = metadata.host;
process.env.AWS_ENDPOINT_URL_STS = aws.url;
process.env.AWS_ENDPOINT_URL_S3 = s3.url;

try {
  const service = createService();

  console.log("\nFirst round: an S3 client and an STS client share one provider");
  const [first, firstMs] = await timed(() => Promise.all([service.whoAmI(), service.listBuckets()]));
  const session = await service.credentials();
  say("Google service account", serviceAccount.email);
  say("ID token for audience", metadata.identityRequests().at(-1)?.query.audience);
  say("AWS role", reader);
  say("AWS session", first[0].Arn);
  say("STS called in", "ap-northeast-2, the clients' region");
  say("expires", `${session.expiration.toISOString()} (in ${minutesUntil(session.expiration)} minutes)`);
  say("buckets", first[1].join(", "));
  report(firstMs);

  console.log("\nSecond round: the same requests again, from the cache");
  const [, secondMs] = await timed(() => Promise.all([service.whoAmI(), service.listBuckets()]));
  report(secondMs);

  console.log("\nA refusal: a role whose trust policy names another service account");
  try {
    await createService({ roleArn: someoneElses }).listBuckets();
    throw new Error("the role let this workload in");
  } catch (error) {
    if (!(error instanceof GkeWorkloadIdentityError)) throw error;
    say("code", error.code);
    say("message", error.message);
    say("hint", error.hint);
  }
} finally {
  await Promise.all([metadata.close(), aws.close(), s3.close()]);
}

/** @param {number} ms */
function report(ms) {
  const exchanges = aws.requests.filter(({ action }) => action === "AssumeRoleWithWebIdentity").length;
  say(
    "took",
    `${ms.toFixed(0)} ms; in all ${metadata.identityRequests().length} ID token, ${exchanges} exchange at STS`,
  );
}

/**
 * @template T
 * @param {() => Promise<T>} work
 * @returns {Promise<[result: T, ms: number]>}
 */
async function timed(work) {
  const start = performance.now();
  return [await work(), performance.now() - start];
}

/** @param {Date} date */
function minutesUntil(date) {
  return Math.round((date.getTime() - Date.now()) / 60_000);
}

/** @type {(name: string, value: unknown) => void} */
function say(name, value) {
  console.log(`  ${name.padEnd(24)}${value}`);
}
