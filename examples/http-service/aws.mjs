// @ts-check
// All AWS clients of the service. They share one provider, so they share one session and one refresh.
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { S3Client } from "@aws-sdk/client-s3";
import { STSClient } from "@aws-sdk/client-sts";
import { fromGkeWorkloadIdentity } from "gke-aws-credentials";

export const credentials = fromGkeWorkloadIdentity();

export const s3 = new S3Client({ credentials });
export const dynamodb = new DynamoDBClient({ credentials });
export const sts = new STSClient({ credentials });
