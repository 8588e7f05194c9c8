import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { type AddressInfo, Server as NetServer } from "node:net";
import { type AwsSession, GkeWorkloadIdentityError } from "../index.js";
import { CommandError } from "./command-error.js";

/** Where each role's credentials come from, by path: `/`, `/roles/NAME`. */
export type Roles = ReadonlyMap<string, () => Promise<AwsSession>>;

export interface CredentialsServer {
  readonly port: number;
  /** What a client must send as `Authorization`. */
  readonly authorization: string;
  /** Answers what is under way, takes nothing new, and ends: within `DRAIN_MS`. */
  readonly drain: () => Promise<void>;
}

const LOOPBACK = "127.0.0.1";
const MAX_HEADER_BYTES = 8_192;
const HEADERS_MS = 5_000;
const REQUEST_MS = 10_000;
const IDLE_MS = 30_000;
const MAX_CONNECTIONS = 1_024;
const DRAIN_MS = 10_000;
/** A request that was on its way when the drain began arrives within this. */
const LAST_REQUEST_MS = 500;
const TOKEN_BYTES = 32;

interface Reply {
  readonly status: number;
  readonly body: object;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Both spellings: the SDKs read `Code` and `Message`, HTTP APIs have `code` and `message`. */
const refuse = (status: number, code: string, message: string, headers: Reply["headers"] = {}): Reply => ({
  status,
  body: { code, message, Code: code, Message: message },
  headers,
});

/** Errors that pass by themselves are 503, for the SDKs to try again; a refusal is 4xx, and final. */
function refuseWith(error: unknown): Reply {
  if (!(error instanceof GkeWorkloadIdentityError)) return refuse(500, "InternalError", "see the server's own log");
  const isForbidden = error.code === "STS_ACCESS_DENIED" || error.code === "GOOGLE_PERMISSION_DENIED";
  return refuse(error.retryable ? 503 : isForbidden ? 403 : 400, error.code, `${error.message}\n${error.hint}`);
}

/** The document of the container credentials protocol: `Token`, not `SessionToken`. */
const toDocument = (session: AwsSession): object => ({
  AccessKeyId: session.accessKeyId,
  SecretAccessKey: session.secretAccessKey,
  Token: session.sessionToken,
  Expiration: session.expiration.toISOString(),
  AccountId: session.accountId,
});

const digest = (text: string): Buffer => createHash("sha256").update(text).digest();

/**
 * Serves AWS sessions on loopback by the container credentials protocol, to those who know the token.
 *
 * @see https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
 * @throws CommandError where the port cannot be had.
 */
export async function startCredentialsServer(roles: Roles, port: number): Promise<CredentialsServer> {
  const authorization = randomBytes(TOKEN_BYTES).toString("base64url");
  const expected = digest(authorization);
  let hosts: ReadonlySet<string> = new Set();
  let isDraining = false;

  const reply = async ({ method, url = "/", headers }: IncomingMessage): Promise<Reply> => {
    // A page in a browser that was led here by a rebound name sends that name.
    if (!hosts.has(headers.host?.toLowerCase() ?? "")) return refuse(403, "Forbidden", "this Host is not served");
    if (method !== "GET") return refuse(405, "MethodNotAllowed", "only GET is served", { Allow: "GET" });
    if (headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0)
      return refuse(413, "ContentTooLarge", "a request has no body");
    if (url === "/healthz") return healthOf(roles);
    // Compared as digests: of one length, whatever was sent.
    if (!timingSafeEqual(digest(headers.authorization ?? ""), expected))
      return refuse(401, "Unauthorized", "the Authorization header must be AWS_CONTAINER_AUTHORIZATION_TOKEN");
    const role = roles.get(url);
    if (!role) return refuse(404, "NotFound", `served are ${[...roles.keys()].join(", ")}`);
    return role().then((session) => ({ status: 200, body: toDocument(session) }), refuseWith);
  };

  const server = createServer(
    {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: HEADERS_MS,
      requestTimeout: REQUEST_MS,
      keepAliveTimeout: IDLE_MS,
      connectionsCheckingInterval: 1_000,
    },
    async (request, response) => {
      const answer = await reply(request).catch(refuseWith);
      // What is left of a body is not read: the connection cannot be used again.
      if (isDraining || answer.status === 413) response.shouldKeepAlive = false;
      send(response, answer);
    },
  );
  server.maxConnections = MAX_CONNECTIONS;
  await listen(server, port);
  const { port: bound } = server.address() as AddressInfo;
  hosts = new Set([LOOPBACK, "localhost"].flatMap((host) => [`${host}:${bound}`, ...(bound === 80 ? [host] : [])]));

  const drain = async (): Promise<void> => {
    isDraining = true;
    // Not the HTTP server's own close, which cuts idle connections at once, a request on its way with them.
    const closed = new Promise<void>((resolve) => NetServer.prototype.close.call(server, () => resolve()));
    const idle = setTimeout(() => server.closeIdleConnections(), LAST_REQUEST_MS);
    const rest = setTimeout(() => server.closeAllConnections(), DRAIN_MS);
    await closed;
    clearTimeout(idle);
    clearTimeout(rest);
    server.close(() => {});
  };
  return { port: bound, authorization, drain };
}

/** Whether there are credentials for every role. It needs no token, and tells nothing else. */
async function healthOf(roles: Roles): Promise<Reply> {
  const outcomes = await Promise.allSettled([...roles.values()].map((role) => role()));
  if (outcomes.every(({ status }) => status === "fulfilled")) return { status: 200, body: { status: "ok" } };
  return refuse(503, "Unavailable", "there are no credentials; see the server's own log");
}

function send(response: ServerResponse, { status, body, headers }: Reply): void {
  const text = JSON.stringify(body);
  const length = Buffer.byteLength(text);
  response.writeHead(status, {
    "Content-Type": "application/json",
    "Cache-Control": "no-store",
    "Content-Length": length,
    ...headers,
  });
  response.end(text);
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      const what = error.code === "EADDRINUSE" ? "is in use: choose another one with --port" : error.message;
      reject(new CommandError(`port ${port} of ${LOOPBACK} ${what}`, error));
    });
    server.listen(port, LOOPBACK, resolve);
  });
}
