import { createFaultQueue } from "../lib/faults.js";
import { answerWithHttpFault, HTTP_FAULTS, type HttpFault } from "../lib/http-faults.js";
import { type Answer, startLoopbackServer, type TestingServer } from "../lib/loopback-server.js";
import { type OpenIdIssuer, openIdIssuer, takeSigningKey } from "../lib/openid-issuer.js";
import { refuseUnknownOptions } from "../lib/refuse-unknown.js";
import type { AwsOidcProvider } from "../sts/aws-sts-options.js";
import { createProjectedToken, type ProjectedToken, type ProjectedTokenOptions } from "./projected-token.js";

/** Options of {@link startClusterIssuer}. */
export interface ClusterIssuerOptions {
  /** The port on 127.0.0.1. Default: a free one. */
  readonly port?: number | undefined;
  /**
   * The tokens' `iss`, or a function that makes it from this server's URL.
   *
   * Default: `https://container.googleapis.com/v1/projects/example-project/locations/asia-northeast3-a/clusters/example`.
   */
  readonly issuer?: string | ((url: string) => string) | undefined;
}

/** A Kubernetes cluster as an OpenID issuer, on loopback. */
export interface ClusterIssuer extends TestingServer<HttpFault>, OpenIdIssuer {
  /** This cluster registered as an IAM OIDC provider, for `startAwsSts`. `clientIds` default: `sts.amazonaws.com` alone. */
  readonly oidcProvider: (awsAccountId: string, clientIds?: readonly string[]) => AwsOidcProvider;
  /** A token in a file, as kubelet writes it for a volume `projected.sources[].serviceAccountToken`. */
  readonly projectToken: (options?: ProjectedTokenOptions) => ProjectedToken;
  /** A signed token with these claims and the issuer's `iss`: for a forged or foreign token. */
  readonly mintToken: (claims: Readonly<Record<string, unknown>>) => string;
}

const EXAMPLE =
  "https://container.googleapis.com/v1/projects/example-project/locations/asia-northeast3-a/clusters/example";

const failing = (status: number, body = `status ${status}`): Answer => ({ status, body });

/**
 * Starts an HTTP server on 127.0.0.1 that stands for a cluster as an OpenID issuer: it serves the discovery document and the
 * public keys, and writes projected service account tokens to files and renews them, as kubelet does.
 *
 * @example
 * ```ts
 * import { createTrustPolicy } from "gke-aws-credentials";
 * import { startAwsSts, startClusterIssuer } from "gke-aws-credentials/testing";
 *
 * await using cluster = await startClusterIssuer();
 * await using token = cluster.projectToken({ namespace: "shop", serviceAccountName: "orders" });
 * const trustPolicy = createTrustPolicy({
 *   issuer: cluster.issuer,
 *   awsAccountId: "123456789012",
 *   namespace: "shop",
 *   serviceAccountName: "orders",
 * });
 * await using sts = await startAwsSts({
 *   oidcProviders: [cluster.oidcProvider("123456789012")],
 *   roles: [{ arn: "arn:aws:iam::123456789012:role/reader", trustPolicy }],
 * });
 * process.env.AWS_WEB_IDENTITY_TOKEN_FILE = token.file;
 * process.env.AWS_ENDPOINT_URL_STS = sts.url;
 * ```
 */
export async function startClusterIssuer(options: ClusterIssuerOptions = {}): Promise<ClusterIssuer> {
  refuseUnknownOptions("startClusterIssuer", options, ["port", "issuer"]);
  const { key, giveBack } = await takeSigningKey();
  const { next, ...faults } = createFaultQueue<HttpFault>(HTTP_FAULTS);
  const server = await startLoopbackServer(
    async ({ target }) => {
      const { pathname } = new URL(target, server.url);
      return answerWithHttpFault(next(), () => document(pathname) ?? failing(404, "Not Found"), failing);
    },
    options.port,
    giveBack,
  );
  const { shown, mint, document } = openIdIssuer(key, options.issuer ?? EXAMPLE, server.url, "/jwks");
  return {
    ...server,
    ...faults,
    ...shown,
    oidcProvider: (awsAccountId, clientIds = ["sts.amazonaws.com"]) => ({
      arn: `arn:aws:iam::${awsAccountId}:oidc-provider/${shown.issuer.replace(/^https?:\/\//, "")}`,
      clientIds,
      jwksUri: shown.jwksUri,
    }),
    projectToken: (tokenOptions) => createProjectedToken(mint, shown.issuer, tokenOptions),
    mintToken: mint,
  };
}
