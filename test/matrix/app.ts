import { S3Client } from "@aws-sdk/client-s3";
import {
  createTrustPolicy,
  type FromGkeWorkloadIdentityInit,
  fromGkeWorkloadIdentity,
  GkeWorkloadIdentityError,
  type GkeWorkloadIdentityEvent,
  type GkeWorkloadIdentityProvider,
} from "gke-aws-credentials";
import {
  fakeIdTokenProvider,
  fakeRoleAssumer,
  startAwsSts,
  startGoogleMetadataServer,
} from "gke-aws-credentials/testing";

const onEvent = (event: GkeWorkloadIdentityEvent): string => event.type;
const init: FromGkeWorkloadIdentityInit = {
  roleArn: "arn:aws:iam::123456789012:role/reader",
  idTokenProvider: fakeIdTokenProvider(),
  roleAssumerWithWebIdentity: fakeRoleAssumer(),
  onEvent,
};
const credentials: GkeWorkloadIdentityProvider = fromGkeWorkloadIdentity(init);
export const s3 = new S3Client({ region: "ap-northeast-2", credentials });

export async function main(): Promise<string> {
  const metadata = await startGoogleMetadataServer();
  const trustPolicy = createTrustPolicy({ serviceAccountUniqueId: "111035977024964273138" });
  const sts = await startAwsSts({ jwksUri: metadata.jwksUri, roles: [{ arn: init.roleArn ?? "", trustPolicy }] });
  try {
    const { accessKeyId, expiration } = await credentials();
    return `${accessKeyId} ${expiration.toISOString()} ${sts.url}`;
  } catch (error) {
    return error instanceof GkeWorkloadIdentityError ? `${error.code}: ${error.hint}` : String(error);
  }
}
