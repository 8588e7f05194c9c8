import { vi } from "vitest";
import { createTrustPolicy } from "../../src/index.js";
import {
  type AwsSts,
  type AwsStsOptions,
  type ClusterIssuer,
  type ProjectedToken,
  type ProjectedTokenOptions,
  startAwsSts,
  startClusterIssuer,
} from "../../src/testing/index.js";

export const ACCOUNT_ID = "123456789012";
export const CLUSTER_ROLE_ARN = `arn:aws:iam::${ACCOUNT_ID}:role/orders`;
export const SUBJECT = "system:serviceaccount:shop:orders";

export interface ClusterCloud extends AsyncDisposable {
  readonly cluster: ClusterIssuer;
  readonly token: ProjectedToken;
  readonly sts: AwsSts;
}

/** A cluster, a token in a pod's file and an STS that trusts it, with the environment of such a pod. */
export async function startClusterCloud(
  tokenOptions: ProjectedTokenOptions = {},
  stsOptions: Partial<AwsStsOptions> = {},
): Promise<ClusterCloud> {
  const cluster = await startClusterIssuer();
  const pod = { namespace: "shop", serviceAccountName: "orders" };
  const trustPolicy = createTrustPolicy({ issuer: cluster.issuer, awsAccountId: ACCOUNT_ID, ...pod });
  const sts = await startAwsSts({
    oidcProviders: [cluster.oidcProvider(ACCOUNT_ID)],
    roles: [{ arn: CLUSTER_ROLE_ARN, trustPolicy }],
    ...stsOptions,
  });
  const token = cluster.projectToken({ ...pod, ...tokenOptions });
  vi.stubEnv("AWS_ENDPOINT_URL_STS", sts.url);
  vi.stubEnv("AWS_ROLE_ARN", CLUSTER_ROLE_ARN);
  vi.stubEnv("AWS_WEB_IDENTITY_TOKEN_FILE", token.file);
  vi.stubEnv("HOSTNAME", "orders-7d9f5b6c4-x2x8z");
  const stop = async (): Promise<void> => {
    await Promise.all([token.close(), cluster.close(), sts.close()]);
  };
  return { cluster, token, sts, [Symbol.asyncDispose]: stop };
}
