import { createFaultQueue, type FaultOptions } from "../lib/faults.js";
import { type Answer, type Handler, type ReceivedRequest, startLoopbackServer } from "../lib/loopback-server.js";
import { answerWithFault, type GoogleMetadataFault, isForPath, metadataAnswer } from "./google-metadata-faults.js";
import { createSigningKey } from "./signing-key.js";

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

/** A metadata server on loopback. Close it with `close()` or `await using`. */
export interface GoogleMetadataServer extends AsyncDisposable {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
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
  /** The requests for ID tokens alone. */
  readonly identityRequests: () => readonly GoogleMetadataRequest[];
  /** Every token signed so far: what a test looks for in logs that must hold none. */
  readonly issuedTokens: readonly string[];
  /** A signed token with these claims over the usual ones: for a forged, expired or foreign token. */
  readonly mintIdToken: (claims?: Readonly<Record<string, unknown>>) => string;
  /** Makes requests go wrong, from the next one on. Faults strike in the order in which they were injected. */
  readonly injectFault: (fault: GoogleMetadataFault, options?: FaultOptions) => void;
  /** Ends all faults. */
  readonly clearFaults: () => void;
  /** Connections open now: what a caller left behind shows here. */
  readonly openConnections: () => number;
  /** Refuse connections until `acceptConnections`. */
  readonly refuseConnections: () => Promise<void>;
  /** Ends `refuseConnections`. */
  readonly acceptConnections: () => Promise<void>;
  /** Stops the server and ends its connections. */
  readonly close: () => Promise<void>;
}

const BASE = "/computeMetadata/v1/";

const NOT_ANNOTATED =
  "Your Kubernetes service account (default/default) is not annotated with a target Google service account, which is a requirement for retrieving Identity Tokens using Workload Identity.";

/**
 * Starts an HTTP server on 127.0.0.1 that answers like GKE's metadata server: ID tokens signed with a real RS256 key made
 * for this server, the service account's email, the instance's and the cluster's attributes, and the keys' JWKS and
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
  const {
    serviceAccount = { email: "reader@example-project.iam.gserviceaccount.com", uniqueId: "111035977024964273138" },
    projectId = "example-project",
    hostname = "gke-node-1.c.example-project.internal",
    clusterAttributes = {
      "cluster-name": "example",
      "cluster-location": "asia-northeast3-a",
      "cluster-uid": "0123456789abcdef",
    },
    issuer: issuerOption = "https://accounts.google.com",
    tokenLifetimeSeconds = 3600,
    refuseForMs = 0,
  } = options;
  const key = await createSigningKey("gke-aws-credentials testing");
  const faults = createFaultQueue<GoogleMetadataFault>();
  const requests: GoogleMetadataRequest[] = [];

  const claimsOf = (audience: string): Record<string, unknown> => {
    const issuedAt = Math.floor(Date.now() / 1000);
    return {
      aud: audience,
      azp: serviceAccount?.uniqueId,
      email: serviceAccount?.email,
      email_verified: true,
      exp: issuedAt + tokenLifetimeSeconds,
      iat: issuedAt,
      iss: issuer,
      sub: serviceAccount?.uniqueId,
    };
  };
  const issuedTokens: string[] = [];
  const issue = (claims: Readonly<Record<string, unknown>>): string => {
    const token = key.signJwt(claims);
    issuedTokens.push(token);
    return token;
  };
  const mintIdToken = (claims: Readonly<Record<string, unknown>> = {}): string =>
    issue({ ...claimsOf("sts.amazonaws.com"), ...claims });

  const identity = (query: URLSearchParams): Answer => {
    const audience = query.get("audience");
    if (!audience) return metadataAnswer(400, "non-empty audience parameter required");
    if (!serviceAccount) return metadataAnswer(404, NOT_ANNOTATED);
    return metadataAnswer(200, issue(claimsOf(audience)));
  };

  const metadata = (path: string, query: URLSearchParams): Answer => {
    const [, account, property] = /^instance\/service-accounts\/([^/]+)\/(\w+)$/.exec(path) ?? [];
    if (account && property) {
      if (account !== "default" && account !== serviceAccount?.email)
        return metadataAnswer(404, `Not Found; Gaia id not found for email ${account}`);
      if (property === "identity") return identity(query);
      if (property === "email") return metadataAnswer(200, serviceAccount?.email ?? `${projectId}.svc.id.goog`);
    }
    if (path === "instance/hostname") return metadataAnswer(200, hostname);
    if (path === "project/project-id") return metadataAnswer(200, projectId);
    const attribute = /^instance\/attributes\/([\w-]+)$/.exec(path)?.[1];
    if (attribute !== undefined && Object.hasOwn(clusterAttributes, attribute))
      return metadataAnswer(200, clusterAttributes[attribute] ?? "");
    if (path === "instance/attributes/") return metadataAnswer(200, Object.keys(clusterAttributes).join("\n"));
    if (path === "") return metadataAnswer(200, "instance/\nproject/\n");
    return metadataAnswer(404, "Not Found");
  };

  const handler: Handler = async (request) => {
    const { pathname, searchParams } = new URL(request.target, server.url);
    if (pathname === "/.well-known/openid-configuration") return json(discoveryDocument(issuer, jwksUri));
    if (pathname === "/oauth2/v3/certs") return json({ keys: [key.jwk] });
    if (pathname === "/") return metadataAnswer(200, "computeMetadata/\n");
    const path = pathname.startsWith(BASE) ? pathname.slice(BASE.length) : undefined;
    const answer = await answerMetadata(request, path, searchParams);
    requests.push({
      path: path ?? pathname,
      query: Object.fromEntries(searchParams),
      status: answer === "hang" ? "hang" : answer.status,
    });
    return answer;
  };

  const answerMetadata = async (
    request: ReceivedRequest,
    path: string | undefined,
    query: URLSearchParams,
  ): Promise<Answer | "hang"> => {
    // Without its own header the real server answers 403, and does not say who it is.
    if (request.headers["metadata-flavor"] !== "Google")
      return { status: 403, body: "Missing Metadata-Flavor:Google header." };
    if (path === undefined) return metadataAnswer(404, "Not Found");
    return answerWithFault(faults.next(isForPath(path)), () => metadata(path, query));
  };

  const server = await startLoopbackServer(handler, options.port);
  const issuer = typeof issuerOption === "function" ? issuerOption(server.url) : issuerOption;
  const jwksUri = `${server.url}/oauth2/v3/certs`;
  let reopen: NodeJS.Timeout | undefined;
  if (refuseForMs > 0) {
    await server.refuse();
    reopen = setTimeout(() => void server.accept(), refuseForMs);
  }
  const close = async (): Promise<void> => {
    clearTimeout(reopen);
    await server.close();
  };
  return {
    url: server.url,
    host: server.host,
    issuer,
    jwksUri,
    thumbprint: key.thumbprint,
    requests,
    identityRequests: () => requests.filter(({ path }) => path.endsWith("/identity")),
    issuedTokens,
    mintIdToken,
    injectFault: faults.inject,
    clearFaults: faults.clear,
    openConnections: server.openConnections,
    refuseConnections: server.refuse,
    acceptConnections: server.accept,
    close,
    [Symbol.asyncDispose]: close,
  };
}

const json = (value: object): Answer => ({
  status: 200,
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify(value),
});

const discoveryDocument = (issuer: string, jwksUri: string): object => ({
  issuer,
  jwks_uri: jwksUri,
  response_types_supported: ["id_token"],
  subject_types_supported: ["public"],
  id_token_signing_alg_values_supported: ["RS256"],
});
