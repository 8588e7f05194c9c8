// @ts-check
// All AWS clients of the service. They share one provider, so they share one session and one refresh.
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { S3Client } from "@aws-sdk/client-s3";
import { STSClient } from "@aws-sdk/client-sts";
import { fromNodeProviderChain } from "@aws-sdk/credential-providers";
import { fromGkeWorkloadIdentity } from "gke-aws-credentials";

export const credentials = fromGkeWorkloadIdentity({
  // On a laptop or in CI, where there is neither Google Cloud nor a token file: the developer's own AWS login.
  fallback: fromNodeProviderChain(),
  // The next request after a quiet hour does not wait for a session.
  keepFresh: true,
  // While `servedUntil` is set, requests still get a session.
  onEvent: (event) => {
    if (event.type !== "refreshFailed") return;
    const { code, message, hint, failures, servedUntil } = event;
    const severity = servedUntil ? "WARNING" : "ERROR";
    console.warn(JSON.stringify({ severity, code, message, hint, failures, servedUntil }));
  },
});

export const s3 = new S3Client({ credentials });
export const dynamodb = new DynamoDBClient({ credentials });
export const sts = new STSClient({ credentials });
