// @ts-check
// Role chaining: the role of this workload (AWS_ROLE_ARN) assumes a role in another account (TARGET_ROLE_ARN).
// The other role must trust the first one. AWS limits a chained session to one hour.
import { ListBucketsCommand, S3Client } from "@aws-sdk/client-s3";
import { fromTemporaryCredentials } from "@aws-sdk/credential-providers";
import { fromGkeWorkloadIdentity } from "gke-aws-credentials";

const { TARGET_ROLE_ARN: RoleArn, EXTERNAL_ID: ExternalId, HOSTNAME: RoleSessionName = "cross-account" } = process.env;
if (!RoleArn) throw new Error("TARGET_ROLE_ARN is not set: the role of the other account");

const s3 = new S3Client({
  credentials: fromTemporaryCredentials({
    masterCredentials: fromGkeWorkloadIdentity(),
    params: { RoleArn, RoleSessionName, ...(ExternalId && { ExternalId }) },
  }),
});
const { Buckets = [], Owner } = await s3.send(new ListBucketsCommand({}));
for (const { Name } of Buckets) console.log(Name);
console.error(`as ${Owner?.ID}`);
