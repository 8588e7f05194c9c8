// @ts-check
// A script: lists the buckets of the role in AWS_ROLE_ARN, in the region of AWS_REGION.
import { ListBucketsCommand, S3Client } from "@aws-sdk/client-s3";
import { fromGkeWorkloadIdentity } from "gke-aws-credentials";

const s3 = new S3Client({ credentials: fromGkeWorkloadIdentity() });
const { Buckets = [] } = await s3.send(new ListBucketsCommand({}));
for (const { Name } of Buckets) console.log(Name);
