import { vi } from "vitest";
import { createTrustPolicy } from "../../src/index.js";
import {
  type AwsSts,
  type AwsStsOptions,
  type GoogleMetadataServer,
  type GoogleMetadataServerOptions,
  startAwsSts,
  startGoogleMetadataServer,
} from "../../src/testing/index.js";

export const UNIQUE_ID = "111035977024964273138";
export const ROLE_ARN = "arn:aws:iam::123456789012:role/reader";
export const ROLE = { arn: ROLE_ARN, trustPolicy: createTrustPolicy({ serviceAccountUniqueId: UNIQUE_ID }) };

export interface TwoClouds extends AsyncDisposable {
  readonly metadata: GoogleMetadataServer;
  readonly sts: AwsSts;
}

/** Both servers, with the environment of a pod that uses them. */
export async function startTwoClouds(
  stsOptions: Partial<AwsStsOptions> = {},
  metadataOptions: GoogleMetadataServerOptions = {},
): Promise<TwoClouds> {
  const metadata = await startGoogleMetadataServer(metadataOptions);
  const sts = await startAwsSts({ jwksUri: metadata.jwksUri, roles: [ROLE], ...stsOptions });
  vi.stubEnv("GCE_METADATA_HOST", metadata.host);
  vi.stubEnv("AWS_ENDPOINT_URL_STS", sts.url);
  vi.stubEnv("AWS_ROLE_ARN", ROLE_ARN);
  vi.stubEnv("HOSTNAME", "orders-7d9f5b6c4-x2x8z");
  const stop = async (): Promise<void> => {
    await Promise.all([metadata.close(), sts.close()]);
  };
  return { metadata, sts, [Symbol.asyncDispose]: stop };
}
