import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { type AddressInfo, Server as NetServer } from "node:net";
import { type AwsSession, GkeWorkloadIdentityError } from "../index.js";
import { createConnectionLimit, MAX_QUEUED } from "./connection-limit.js";
import { healthOf } from "./health-server.js";
import { listen, type Reply, refuse, SERVER_LIMITS, send } from "./http-reply.js";
import type { Roles } from "./serve-roles.js";

export interface CredentialsServer {
  readonly port: number;
  /** What a client must send as `Authorization`, by path. Each opens its own path and no other. */
  readonly authorizations: ReadonlyMap<string, string>;
  /** Lets what is under way end, takes nothing new, and ends: within `DRAIN_MS`. */
  readonly drain: () => Promise<void>;
  /** Ends at once. */
  readonly close: () => void;
}

const LOOPBACK = "127.0.0.1";
const DRAIN_MS = 700;
/** A request that was on its way when the drain began arrives within this. */
const LAST_REQUEST_MS = 400;
const TOKEN_BYTES = 32;

const digest = (text: string): Buffer => createHash("sha256").update(text).digest();

/**
 * Serves AWS sessions on loopback by the container credentials protocol, to those who know the token.
 *
 * @see https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
 * @throws CommandError where the port is not free.
 */
export async function startCredentialsServer(roles: Roles, port: number): Promise<CredentialsServer> {
  const authorizations = new Map(
    [...roles.keys()].map((path) => [path, randomBytes(TOKEN_BYTES).toString("base64url")]),
  );
  const limit = createConnectionLimit();
  const hosts = new Set<string>();
  const judge = createJudge(roles, authorizations, hosts);
  let isDraining = false;

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const verdict = judge(request);
    if (!("session" in verdict)) {
      // What is left of a body is not read, and a client that was refused has no reason to stay.
      response.shouldKeepAlive = false;
      return limit.answer(request.socket, () => send(response, verdict));
    }
    limit.trust(request.socket);
    const reply = await verdict.session().then(toReply, refuseWith);
    if (isDraining) response.shouldKeepAlive = false;
    send(response, reply);
  };

  const server = createServer(SERVER_LIMITS, answer);
  server.on("connection", limit.admit);
  await listen(server, { port, host: LOOPBACK, backlog: MAX_QUEUED }, "--port");
  const { port: bound } = server.address() as AddressInfo;
  // The AWS CRT sends the name alone, without the port.
  for (const host of [LOOPBACK, "localhost"]) hosts.add(host).add(`${host}:${bound}`);

  const drain = async (): Promise<void> => {
    isDraining = true;
    await drainServer(server);
  };
  const close = (): void => {
    server.close();
    server.closeAllConnections();
  };
  return { port: bound, authorizations, drain, close };
}

/** What a request gets: the session of a role, or an answer that needs no token. */
function createJudge(
  roles: Roles,
  authorizations: ReadonlyMap<string, string>,
  hosts: ReadonlySet<string>,
): (request: IncomingMessage) => Reply | { readonly session: () => Promise<AwsSession> } {
  const expected = [...authorizations].map(([path, token]) => ({ path, expected: digest(token) }));
  return ({ method, url = "/", headers }) => {
    // Compared as digests: they have one length, whatever was sent.
    const sent = digest(headers.authorization ?? "");
    const opened = expected.filter((known) => timingSafeEqual(sent, known.expected))[0]?.path;
    // A page in a browser that was led here by a rebound name sends that name.
    if (!hosts.has(headers.host?.toLowerCase() ?? "")) return refuse(403, "Forbidden", "this Host is not served");
    if (method !== "GET") return refuse(405, "MethodNotAllowed", "only GET is served", { Allow: "GET" });
    if (headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0)
      return refuse(413, "ContentTooLarge", "a request has no body");
    if (url === "/healthz") return healthOf(roles);
    if (opened === undefined)
      return refuse(401, "Unauthorized", "the Authorization header must hold the token that serve wrote or printed");
    const role = roles.get(url);
    if (!role) return refuse(404, "NotFound", "nothing is served at this path");
    return opened === url ? role : refuse(403, "Forbidden", "this token is for another role");
  };
}

/** Errors that pass by themselves are 503, for the SDKs to try again; a refusal is 4xx, and final. */
function refuseWith(error: unknown): Reply {
  if (!(error instanceof GkeWorkloadIdentityError)) return refuse(500, "InternalError", "see the server's own log");
  const isForbidden = error.code === "STS_ACCESS_DENIED" || error.code === "GOOGLE_PERMISSION_DENIED";
  return refuse(error.retryable ? 503 : isForbidden ? 403 : 400, error.code, `${error.message}\n${error.hint}`);
}

/** The document of the container credentials protocol: `Token`, not `SessionToken`. */
const toReply = (session: AwsSession): Reply => ({
  status: 200,
  body: {
    AccessKeyId: session.accessKeyId,
    SecretAccessKey: session.secretAccessKey,
    Token: session.sessionToken,
    Expiration: session.expiration.toISOString(),
    AccountId: session.accountId,
  },
});

async function drainServer(server: Server): Promise<void> {
  // Not the HTTP server's own close: it cuts idle connections at once, and with them a request that is on its way.
  const closed = new Promise<void>((resolve) => NetServer.prototype.close.call(server, () => resolve()));
  const idle = setTimeout(() => server.closeIdleConnections(), LAST_REQUEST_MS);
  const rest = setTimeout(() => server.closeAllConnections(), DRAIN_MS);
  await closed;
  clearTimeout(idle);
  clearTimeout(rest);
  server.close(() => {});
}
