// @ts-check
// A small service as a user writes it: one provider, shared by all clients of the process.
import { ListBucketsCommand, S3Client } from "@aws-sdk/client-s3";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { fromGkeWorkloadIdentity } from "gke-aws-credentials";

/** @param {import("gke-aws-credentials").FromGkeWorkloadIdentityInit} [options] */
export function createService(options) {
  const credentials = fromGkeWorkloadIdentity(options);
  const s3 = new S3Client({ region: "ap-northeast-2", credentials });
  const sts = new STSClient({ region: "ap-northeast-2", credentials });
  return {
    credentials,
    whoAmI: () => sts.send(new GetCallerIdentityCommand({})),
    listBuckets: async () => (await s3.send(new ListBucketsCommand({}))).Buckets?.map(({ Name }) => Name) ?? [],
  };
}
