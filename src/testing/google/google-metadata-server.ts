import { createFaultQueue } from "../lib/faults.js";
import { HTTP_FAULTS } from "../lib/http-faults.js";
import { EXAMPLE_ACCOUNT, googleClaims } from "../lib/id-token.js";
import { type Answer, type Handler, startLoopbackServer, type TestingServer } from "../lib/loopback-server.js";
import { type OpenIdIssuer, openIdIssuer, takeSigningKey } from "../lib/openid-issuer.js";
import { refuseUnknownOptions } from "../lib/refuse-unknown.js";
import {
  answerMetadata,
  answerWithFault,
  type GoogleMetadataFault,
  isForPath,
  metadataAnswer,
} from "./google-metadata-answers.js";

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

const OPTIONS = [
  "port",
  "serviceAccount",
  "projectId",
  "hostname",
  "clusterAttributes",
  "issuer",
  "tokenLifetimeSeconds",
  "refuseForMs",
] as const;
const BASE = "/computeMetadata/v1/";

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
  const {
    serviceAccount = EXAMPLE_ACCOUNT,
    projectId = "example-project",
    hostname = "gke-node-1.c.example-project.internal",
    clusterAttributes = {
      "cluster-name": "example",
      "cluster-location": "asia-northeast3-a",
      "cluster-uid": "0123456789abcdef",
    },
    refuseForMs = 0,
  } = options;
  if (serviceAccount) refuseUnknownOptions("serviceAccount", serviceAccount, ["email", "uniqueId"]);
  const { key, giveBack } = await takeSigningKey();
  const { next, ...faults } = createFaultQueue<GoogleMetadataFault>({
    ...HTTP_FAULTS,
    wrongFlavor: ["flavor"],
    date: ["date"],
  });
  const requests: GoogleMetadataRequest[] = [];
  const mintIdToken = (claims: Readonly<Record<string, unknown>> = {}): string =>
    mint({ ...googleClaims(serviceAccount, options.tokenLifetimeSeconds), iss: shown.issuer, ...claims });
  const issueIdToken = (aud: string): string => mintIdToken({ aud });
  const contents = { serviceAccount, projectId, hostname, clusterAttributes, issueIdToken };

  const handler: Handler = async ({ target, headers }) => {
    const { pathname, searchParams } = new URL(target, server.url);
    if (pathname === "/") return metadataAnswer(200, "computeMetadata/\n");
    const published = document(pathname);
    if (published) return published;
    const isMetadata = pathname.startsWith(BASE);
    const path = isMetadata ? pathname.slice(BASE.length) : pathname;
    let answer: Answer | "hang";
    // Without its own header the real server answers 403, and does not say who it is.
    if (headers["metadata-flavor"] !== "Google")
      answer = { status: 403, body: "Missing Metadata-Flavor:Google header." };
    else if (!isMetadata) answer = metadataAnswer(404, "Not Found");
    else answer = await answerWithFault(next(isForPath(path)), () => answerMetadata(contents, path, searchParams));
    const status = answer === "hang" ? answer : answer.status;
    requests.push({ path, query: Object.fromEntries(searchParams), status });
    return answer;
  };

  let reopen: NodeJS.Timeout | undefined;
  const server = await startLoopbackServer(handler, options.port, () => {
    clearTimeout(reopen);
    giveBack();
  });
  const issuer = options.issuer ?? "https://accounts.google.com";
  const { shown, mint, document } = openIdIssuer(key, issuer, server.url, "/oauth2/v3/certs");
  if (refuseForMs > 0) {
    await server.refuseConnections();
    reopen = setTimeout(() => void server.acceptConnections(), refuseForMs);
  }
  return {
    ...server,
    ...faults,
    ...shown,
    host: new URL(server.url).host,
    requests,
    identityRequests: () => requests.filter(({ path }) => path.endsWith("/identity")),
    mintIdToken,
  };
}
