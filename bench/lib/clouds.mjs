import { ListBucketsCommand, S3Client } from "@aws-sdk/client-s3";
import { getDefaultRoleAssumerWithWebIdentity } from "@aws-sdk/client-sts";
import { fromWebToken } from "@aws-sdk/credential-providers";
import { createTrustPolicy, fromGkeWorkloadIdentity } from "gke-aws-credentials";
import { startAwsSts, startGoogleMetadataServer } from "gke-aws-credentials/testing";
import { Compute } from "google-auth-library";
import { startListBucketsServer } from "../../examples/demo/list-buckets-server.mjs";

export const region = "us-east-1";
export const roleArn = "arn:aws:iam::123456789012:role/reader";
const audience = "sts.amazonaws.com";

/** Both clouds on loopback, with the environment that leads there. */
export async function startClouds() {
  const metadata = await startGoogleMetadataServer();
  const trustPolicy = createTrustPolicy({ serviceAccountUniqueId: "111035977024964273138" });
  const sts = await startAwsSts({ jwksUri: metadata.jwksUri, roles: [{ arn: roleArn, trustPolicy }] });
  const s3 = await startListBucketsServer({ sts, buckets: ["orders"] });
  const environment = {
    GCE_METADATA_HOST: metadata.host,
    AWS_ENDPOINT_URL_STS: sts.url,
    AWS_ENDPOINT_URL_S3: s3.url,
    AWS_ROLE_ARN: roleArn,
    AWS_REGION: region,
  };
  Object.assign(process.env, environment);
  const close = () => Promise.all([metadata.close(), sts.close(), s3.close()]);
  return { metadata, sts, environment, close };
}

export const ours = () => fromGkeWorkloadIdentity();

/**
 * What the SDK's maintainers suggest for a token that is fetched anew: `fromWebToken` in an async function. Given one
 * role assumer, which is kinder than the suggestion: it makes no STS client for each refresh.
 */
export function byHand(idTokenProvider = new Compute(), assumer = getDefaultRoleAssumerWithWebIdentity({ region })) {
  return async () =>
    fromWebToken({
      roleArn,
      roleSessionName: "by-hand",
      webIdentityToken: await idTokenProvider.fetchIdToken(audience),
      roleAssumerWithWebIdentity: assumer,
    })();
}

/** A client whose clock is the one that the measurement moves. */
export function listBucketsWith(credentials) {
  const client = new S3Client({ region, credentials, disableClockSkewCorrection: true });
  return () => client.send(new ListBucketsCommand({}));
}
