import { createFaultQueue } from "../lib/faults.js";
import { type Handler, type LoopbackServer, startLoopbackServer } from "../lib/loopback-server.js";
import { openIdDocument } from "../lib/openid-documents.js";
import { takeSigningKey } from "../lib/signing-key.js";
import { type TestingServer, testingServer } from "../lib/testing-server.js";
import { createAnswer } from "./google-metadata-answers.js";
import { type GoogleMetadataFault, metadataAnswer } from "./google-metadata-faults.js";

/** Options of {@link startGoogleMetadataServer}. */
export interface GoogleMetadataServerOptions {
  /** The port on 127.0.0.1. Default: a free one. */
  readonly port?: number | undefined;
  /**
   * The linked Google service account. `null`: the Kubernetes service account has none, and `identity` answers 404.
   *
   * Default: `{ email: "reader@example-project.iam.gserviceaccount.com", uniqueId: "111035977024964273138" }`.
   */
  readonly serviceAccount?:
    | {
        /** What `default/email` answers, and the tokens' `email`. */
        readonly email: string;
        /** 21 digits, as text: the tokens' `azp` and `sub`. */
        readonly uniqueId: string;
      }
    | null
    | undefined;
  /** Default: `example-project`. */
  readonly projectId?: string | undefined;
  /** The node's name, as GKE answers it. Default: `gke-node-1.c.example-project.internal`. */
  readonly hostname?: string | undefined;
  /** Default: `{ "cluster-name": "example", "cluster-location": "asia-northeast3-a", "cluster-uid": "0123456789abcdef" }`. */
  readonly clusterAttributes?: Readonly<Record<string, string>> | undefined;
  /** The tokens' `iss`, or what to make it from this server's URL. Default: `https://accounts.google.com`. */
  readonly issuer?: string | ((url: string) => string) | undefined;
  /** Life of a token in seconds. Default: 3600. */
  readonly tokenLifetimeSeconds?: number | undefined;
  /** Refuse connections for this long after the start, in milliseconds, as GKE does in a pod's first seconds. Default: 0. */
  readonly refuseForMs?: number | undefined;
}

/** One request as the server saw it. */
export interface GoogleMetadataRequest {
  /** The path below `/computeMetadata/v1/`, such as `instance/service-accounts/default/identity`. */
  readonly path: string;
  /** The query, decoded. */
  readonly query: Readonly<Record<string, string>>;
  /** What it answered, or that it did not. */
  readonly status: number | "hang";
}

/** A metadata server on loopback. */
export interface GoogleMetadataServer extends TestingServer<GoogleMetadataFault> {
  /** The value for `GCE_METADATA_HOST`. */
  readonly host: string;
  /** The `iss` of its tokens. */
  readonly issuer: string;
  /** Where its public keys are; give it to `startAwsSts`. */
  readonly jwksUri: string;
  /** SHA-1 of the signing certificate, for IAM's `ThumbprintList`. */
  readonly thumbprint: string;
  /** Every request so far, in order. */
  readonly requests: readonly GoogleMetadataRequest[];
  /** Only the requests for ID tokens. */
  readonly identityRequests: () => readonly GoogleMetadataRequest[];
  /** Every token signed so far. Look for these in logs, which must hold none. */
  readonly issuedTokens: readonly string[];
  /** A signed token with these claims over the usual ones: for a forged, expired or foreign token. */
  readonly mintIdToken: (claims?: Readonly<Record<string, unknown>>) => string;
}

const BASE = "/computeMetadata/v1/";
const JWKS_PATH = "/oauth2/v3/certs";

/**
 * Starts an HTTP server on 127.0.0.1 that answers like GKE's metadata server: ID tokens signed with a real RS256 key that
 * no other open server has, the service account's email, the instance's and the cluster's attributes, and the keys' JWKS and
 * discovery document, which Google serves elsewhere.
 *
 * @example
 * ```ts
 * import { startGoogleMetadataServer } from "gke-aws-credentials/testing";
 *
 * await using metadata = await startGoogleMetadataServer();
 * process.env.GCE_METADATA_HOST = metadata.host;
 * ```
 */
export async function startGoogleMetadataServer(
  options: GoogleMetadataServerOptions = {},
): Promise<GoogleMetadataServer> {
  const { issuer: issuerOption = "https://accounts.google.com", refuseForMs = 0 } = options;
  const { key, giveBack } = await takeSigningKey("gke-aws-credentials testing");
  const faults = createFaultQueue<GoogleMetadataFault>();
  const requests: GoogleMetadataRequest[] = [];
  const issuedTokens: string[] = [];
  const contents = withDefaults(options);
  const mintIdToken = (claims: Readonly<Record<string, unknown>> = {}): string => {
    const token = key.signJwt({ ...usualClaims(contents, issuer), ...claims });
    issuedTokens.push(token);
    return token;
  };
  const answer = createAnswer({ ...contents, issueIdToken: (aud) => mintIdToken({ aud }) }, faults);

  const handler: Handler = async (request) => {
    const { pathname, searchParams } = new URL(request.target, server.url);
    const published = openIdDocument(pathname, { issuer, jwksUri, key });
    if (published) return published;
    if (pathname === "/") return metadataAnswer(200, "computeMetadata/\n");
    const path = pathname.startsWith(BASE) ? pathname.slice(BASE.length) : undefined;
    const answered = await answer(request, path, searchParams);
    const status = answered === "hang" ? "hang" : answered.status;
    requests.push({ path: path ?? pathname, query: Object.fromEntries(searchParams), status });
    return answered;
  };

  const server = await startLoopbackServer(handler, options.port);
  const issuer = typeof issuerOption === "function" ? issuerOption(server.url) : issuerOption;
  const jwksUri = `${server.url}${JWKS_PATH}`;
  const stop = await refuseFirst(server, refuseForMs);
  const close = async (): Promise<void> => {
    await stop();
    giveBack();
  };
  return {
    ...testingServer(server, faults),
    host: server.host,
    issuer,
    jwksUri,
    thumbprint: key.thumbprint,
    requests,
    identityRequests: () => requests.filter(({ path }) => path.endsWith("/identity")),
    issuedTokens,
    mintIdToken,
    close,
    [Symbol.asyncDispose]: close,
  };
}

function withDefaults(options: GoogleMetadataServerOptions) {
  const {
    serviceAccount = { email: "reader@example-project.iam.gserviceaccount.com", uniqueId: "111035977024964273138" },
    projectId = "example-project",
    hostname = "gke-node-1.c.example-project.internal",
    clusterAttributes = {
      "cluster-name": "example",
      "cluster-location": "asia-northeast3-a",
      "cluster-uid": "0123456789abcdef",
    },
    tokenLifetimeSeconds = 3600,
  } = options;
  return { serviceAccount, projectId, hostname, clusterAttributes, tokenLifetimeSeconds };
}

function usualClaims(
  { serviceAccount, tokenLifetimeSeconds }: ReturnType<typeof withDefaults>,
  issuer: string,
): Record<string, unknown> {
  const issuedAt = Math.floor(Date.now() / 1000);
  return {
    aud: "sts.amazonaws.com",
    azp: serviceAccount?.uniqueId,
    email: serviceAccount?.email,
    email_verified: true,
    exp: issuedAt + tokenLifetimeSeconds,
    iat: issuedAt,
    iss: issuer,
    sub: serviceAccount?.uniqueId,
  };
}

/** Refuses connections for the first `ms`, and gives the function that ends the server. */
async function refuseFirst(server: LoopbackServer, ms: number): Promise<() => Promise<void>> {
  if (ms <= 0) return server.close;
  await server.refuse();
  const reopen = setTimeout(() => void server.accept(), ms);
  return async () => {
    clearTimeout(reopen);
    await server.close();
  };
}
