// @ts-check
// Role chaining: this workload's own role (AWS_ROLE_ARN) assumes a role of another account (TARGET_ROLE_ARN), which
// trusts it. A chained session lives an hour at most.
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
