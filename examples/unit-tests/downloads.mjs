// @ts-check
// A service that gives out links to objects in S3. A link ends when the session that signed it ends.
import { GetObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { fromGkeWorkloadIdentity } from "gke-aws-credentials";

/**
 * @param {{ bucket: string } & import("gke-aws-credentials").FromGkeWorkloadIdentityInit} options
 */
export function createDownloads({ bucket, ...init }) {
  const credentials = fromGkeWorkloadIdentity(init);
  const s3 = new S3Client({ region: "eu-west-1", credentials });
  return {
    /**
     * @param {string} key
     * @param {number} seconds How long the link must work.
     */
    linkTo: async (key, seconds) => {
      const { expiration } = await credentials();
      if (expiration.getTime() - Date.now() < seconds * 1000) await credentials({ forceRefresh: true });
      return getSignedUrl(s3, new GetObjectCommand({ Bucket: bucket, Key: key }), { expiresIn: seconds });
    },
  };
}
