import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { Server as NetServer, type Socket } from "node:net";
import { type AwsSession, GkeWorkloadIdentityError } from "../index.js";
import { healthOf } from "./health-server.js";
import { type Reply, refuse, send, startServer } from "./http-server.js";
import type { Roles, ServedRole } from "./serve-roles.js";

export type CredentialsServer = Awaited<ReturnType<typeof startCredentialsServer>>;

const LOOPBACK = "127.0.0.1";
const DRAIN_MS = 700;
/** A request that was on its way when the drain began arrives within this. */
const LAST_REQUEST_MS = 400;
const TOKEN_BYTES = 32;
const MAX_QUEUED = 2_048;
/** Connections without the token. More than can be queued, so that none is ended before its first request was read. */
const MAX_UNKNOWN = 3_072;
/** With more connections without the token than this, each answer to them waits: clients that know the token come first. */
const MANY_UNKNOWN = 100;
const HOLD_MS = 2_000;

const digest = (text: string): Buffer => createHash("sha256").update(text).digest();

/**
 * Serves AWS sessions on loopback by the container credentials protocol, to those who know the token.
 *
 * @see https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
 * @throws Error where the port is not free.
 */
export async function startCredentialsServer(roles: Roles, port: number) {
  /** What a client must send as `Authorization`, by path. Each opens its own path and no other. */
  const authorizations: ReadonlyMap<string, string> = new Map(
    [...roles.keys()].map((path) => [path, randomBytes(TOKEN_BYTES).toString("base64url")]),
  );
  const expected = [...authorizations].map(([path, token]) => ({ path, token: digest(token) }));
  const limit = createConnectionLimit();
  let isDraining = false;

  /** What a request gets: the session of a role, or an answer that needs no token. */
  const judge = ({ method, url = "/", headers, socket }: IncomingMessage): Reply | ServedRole => {
    // Compared as digests: they have one length, whatever was sent.
    const sent = digest(headers.authorization ?? "");
    const opened = expected.filter(({ token }) => timingSafeEqual(sent, token))[0]?.path;
    // A page in a browser that was led here by a rebound name sends that name. The AWS CRT sends no port.
    const hosts = [LOOPBACK, "localhost"].flatMap((name) => [name, `${name}:${socket.localPort}`]);
    if (!hosts.includes(headers.host?.toLowerCase() ?? "")) return refuse(403, "Forbidden", "this Host is not served");
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

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const verdict = judge(request);
    if ("session" in verdict) {
      limit.trust(request.socket);
      const reply = await verdict.session().then(toReply, refuseWith);
      if (isDraining) response.shouldKeepAlive = false;
      send(response, reply);
    } else {
      // What is left of a body is not read, and a client that was refused has no reason to stay.
      response.shouldKeepAlive = false;
      limit.answer(request.socket, () => send(response, verdict));
    }
  };

  const options = { port, host: LOOPBACK, backlog: MAX_QUEUED };
  const { server, ...started } = await startServer(answer, options, "--port");
  server.on("connection", limit.admit);

  /** Lets what is under way end, takes nothing new, and ends: within `DRAIN_MS`. */
  const drain = async (): Promise<void> => {
    isDraining = true;
    // Not the HTTP server's own close: it cuts idle connections at once, and with them a request that is on its way.
    const closed = new Promise<void>((resolve) => NetServer.prototype.close.call(server, () => resolve()));
    const idle = setTimeout(() => server.closeIdleConnections(), LAST_REQUEST_MS);
    const rest = setTimeout(() => server.closeAllConnections(), DRAIN_MS);
    await closed;
    clearTimeout(idle);
    clearTimeout(rest);
    server.close(() => {});
  };
  return { ...started, authorizations, drain };
}

/** Limits the connections that have not shown the token: with many, answers wait; with too many, the oldest is ended. */
export function createConnectionLimit() {
  const connections = new Set<Socket>();
  const trust = (socket: Socket): unknown => connections.delete(socket);
  const admit = (socket: Socket): void => {
    connections.add(socket);
    socket.once("close", () => connections.delete(socket));
    const [oldest] = connections;
    if (connections.size <= MAX_UNKNOWN || !oldest) return;
    connections.delete(oldest);
    oldest.destroy();
  };
  /** Never after the connection's end: an answer that waits holds no memory then. */
  const answer = (socket: Socket, work: () => void): void => {
    if (connections.size <= MANY_UNKNOWN) {
      work();
      return;
    }
    const timer = setTimeout(work, HOLD_MS);
    socket.once("close", () => clearTimeout(timer));
  };
  return { admit, trust, answer };
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
