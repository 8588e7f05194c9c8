import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { type AddressInfo, Server as NetServer } from "node:net";
import type { AwsSession } from "../index.js";
import { CommandError } from "./command-error.js";
import { type Reply, refuse, refuseWith, toDocument } from "./credentials-reply.js";
import { createStrangers, MAX_QUEUED } from "./strangers.js";

/** Where each role's credentials come from, by path: `/`, `/roles/NAME`. */
export type Roles = ReadonlyMap<string, () => Promise<AwsSession>>;

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
const MAX_HEADER_BYTES = 8_192;
const HEADERS_MS = 5_000;
const REQUEST_MS = 10_000;
const IDLE_MS = 30_000;
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
  const strangers = createStrangers();
  const state = { hosts: new Set<string>(), isDraining: false };
  const judge = createJudge(roles, authorizations, state);

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const verdict = judge(request);
    if (verdict.isTokenHolder) strangers.trust(request.socket);
    // What is left of a body is not read, and whoever was refused has no reason to stay.
    if (verdict.work === undefined || !verdict.isTokenHolder) response.shouldKeepAlive = false;
    const isSlowed =
      !verdict.isTokenHolder && (await strangers.slowDown(request.socket, verdict.work ? "health" : "refused"));
    const tooMany = refuse(429, "TooManyRequests", "too many requests without the token", { "Retry-After": "3" });
    const reply = isSlowed ? tooMany : (verdict.refusal ?? (await verdict.work().catch(refuseWith)));
    if (state.isDraining) response.shouldKeepAlive = false;
    send(response, reply);
  };

  const limits = {
    maxHeaderSize: MAX_HEADER_BYTES,
    headersTimeout: HEADERS_MS,
    requestTimeout: REQUEST_MS,
    keepAliveTimeout: IDLE_MS,
    connectionsCheckingInterval: 1_000,
  };
  const server = createServer(limits, answer);
  server.on("connection", strangers.admit);
  await listen(server, port);
  const { port: bound } = server.address() as AddressInfo;
  state.hosts = new Set(
    [LOOPBACK, "localhost"].flatMap((host) => [`${host}:${bound}`, ...(bound === 80 ? [host] : [])]),
  );

  const drain = async (): Promise<void> => {
    state.isDraining = true;
    await drainServer(server);
  };
  const close = (): void => {
    server.close();
    server.closeAllConnections();
  };
  return { port: bound, authorizations, drain, close };
}

type Verdict =
  | { readonly isTokenHolder: boolean; readonly refusal: Reply; readonly work?: undefined }
  | { readonly isTokenHolder: boolean; readonly refusal?: undefined; readonly work: () => Promise<Reply> };

/** What a request gets, and whether its sender knows a token. */
function createJudge(
  roles: Roles,
  authorizations: ReadonlyMap<string, string>,
  state: { readonly hosts: ReadonlySet<string> },
): (request: IncomingMessage) => Verdict {
  const expected = [...authorizations].map(([path, token]) => ({ path, expected: digest(token) }));
  const healthOf = shareHealth(roles);
  return ({ method, url = "/", headers }) => {
    // Compared as digests: they have one length, whatever was sent.
    const sent = digest(headers.authorization ?? "");
    const opened = expected.filter((known) => timingSafeEqual(sent, known.expected))[0]?.path;
    // A page in a browser that was led here by a rebound name sends that name.
    const isOwnHost = state.hosts.has(headers.host?.toLowerCase() ?? "");
    const isTokenHolder = isOwnHost && opened !== undefined;
    const no = (...refusal: Parameters<typeof refuse>): Verdict => ({ isTokenHolder, refusal: refuse(...refusal) });

    if (!isOwnHost) return no(403, "Forbidden", "this Host is not served");
    if (method !== "GET") return no(405, "MethodNotAllowed", "only GET is served", { Allow: "GET" });
    if (headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0)
      return no(413, "ContentTooLarge", "a request has no body");
    if (url === "/healthz") return { isTokenHolder, work: healthOf };
    if (opened === undefined)
      return no(401, "Unauthorized", "the Authorization header must hold the token that serve wrote or printed");
    const role = roles.get(url);
    if (!role) return no(404, "NotFound", "nothing is served at this path");
    if (opened !== url) return no(403, "Forbidden", "this token is for another role");
    return {
      isTokenHolder,
      work: () => role().then((session) => ({ status: 200, body: toDocument(session) }), refuseWith),
    };
  };
}

/** Whether there are credentials for every role. It needs no token, tells nothing else, and asks once for all who wait. */
function shareHealth(roles: Roles): () => Promise<Reply> {
  let asked: Promise<Reply> | undefined;
  const ask = async (): Promise<Reply> => {
    const outcomes = await Promise.allSettled([...roles.values()].map((role) => role()));
    if (outcomes.every(({ status }) => status === "fulfilled")) return { status: 200, body: { status: "ok" } };
    return refuse(503, "Unavailable", "there are no credentials; see the server's own log");
  };
  return () => {
    asked ??= ask().finally(() => {
      asked = undefined;
    });
    return asked;
  };
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

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      const what = error.code === "EADDRINUSE" ? "is in use: choose another one with --port" : error.message;
      reject(new CommandError(`port ${port} of ${LOOPBACK} ${what}`, error));
    });
    server.listen({ port, host: LOOPBACK, backlog: MAX_QUEUED }, resolve);
  });
}
