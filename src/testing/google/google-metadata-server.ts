import { createFaultQueueOf } from "../lib/faults.js";
import { EXAMPLE_ACCOUNT, googleClaims } from "../lib/google-claims.js";
import { type Handler, type LoopbackServer, startLoopbackServer } from "../lib/loopback-server.js";
import { type OpenIdIssuer, openIdIssuer } from "../lib/openid-issuer.js";
import { type Names, refuseUnknownOptions } from "../lib/refuse-unknown.js";
import { takeSigningKey } from "../lib/signing-key.js";
import { type TestingServer, testingServer } from "../lib/testing-server.js";
import { createAnswer } from "./google-metadata-answers.js";
import { type GoogleMetadataFault, METADATA_FAULTS, metadataAnswer } from "./google-metadata-faults.js";

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
export interface GoogleMetadataServer extends TestingServer<GoogleMetadataFault>, OpenIdIssuer {
  /** The value for `GCE_METADATA_HOST`. */
  readonly host: string;
  /** Every request so far, in order. */
  readonly requests: readonly GoogleMetadataRequest[];
  /** Only the requests for ID tokens. */
  readonly identityRequests: () => readonly GoogleMetadataRequest[];
  /** A signed token with these claims over the usual ones: for a forged, expired or foreign token. */
  readonly mintIdToken: (claims?: Readonly<Record<string, unknown>>) => string;
}

const OPTIONS: Names<GoogleMetadataServerOptions> = {
  port: true,
  serviceAccount: true,
  projectId: true,
  hostname: true,
  clusterAttributes: true,
  issuer: true,
  tokenLifetimeSeconds: true,
  refuseForMs: true,
};
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
  refuseUnknownOptions("startGoogleMetadataServer", options, OPTIONS);
  refuseUnknownOptions("serviceAccount", options.serviceAccount ?? {}, EXAMPLE_ACCOUNT);
  const { tokenLifetimeSeconds: lifetimeSeconds } = options;
  const { key, giveBack } = await takeSigningKey("gke-aws-credentials testing");
  const faults = createFaultQueueOf(METADATA_FAULTS);
  const requests: GoogleMetadataRequest[] = [];
  const contents = withDefaults(options);
  const mintIdToken = (claims: Readonly<Record<string, unknown>> = {}): string =>
    published.mint({ ...googleClaims(contents.serviceAccount, { issuer, lifetimeSeconds }), ...claims });
  const answer = createAnswer({ ...contents, issueIdToken: (aud) => mintIdToken({ aud }) }, faults);

  const handler: Handler = async (request) => {
    const { pathname, searchParams } = new URL(request.target, server.url);
    const document = published.document(pathname);
    if (document) return document;
    if (pathname === "/") return metadataAnswer(200, "computeMetadata/\n");
    const path = pathname.startsWith(BASE) ? pathname.slice(BASE.length) : undefined;
    const answered = await answer(request, path, searchParams);
    const status = answered === "hang" ? "hang" : answered.status;
    requests.push({ path: path ?? pathname, query: Object.fromEntries(searchParams), status });
    return answered;
  };

  const server = await startLoopbackServer(handler, options.port);
  const published = openIdIssuer(key, options.issuer ?? "https://accounts.google.com", server.url, JWKS_PATH);
  const { issuer } = published.shown;
  const stop = await refuseFirst(server, options.refuseForMs ?? 0);
  const close = async (): Promise<void> => {
    await stop();
    giveBack();
  };
  return {
    ...testingServer(server, faults, close),
    ...published.shown,
    host: server.host,
    requests,
    identityRequests: () => requests.filter(({ path }) => path.endsWith("/identity")),
    mintIdToken,
  };
}

function withDefaults(options: GoogleMetadataServerOptions) {
  const {
    serviceAccount = EXAMPLE_ACCOUNT,
    projectId = "example-project",
    hostname = "gke-node-1.c.example-project.internal",
    clusterAttributes = {
      "cluster-name": "example",
      "cluster-location": "asia-northeast3-a",
      "cluster-uid": "0123456789abcdef",
    },
  } = options;
  return { serviceAccount, projectId, hostname, clusterAttributes };
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
