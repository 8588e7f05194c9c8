import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";

/** What a handler answers. */
export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string;
}

/** A request as a handler sees it: the body read whole. */
export interface ReceivedRequest {
  readonly method: string;
  /** Path and query as they came, still encoded. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

/** `hang` keeps the connection open and never answers. */
export type Handler = (request: ReceivedRequest) => Promise<Answer | "hang">;

export interface LoopbackServer extends AsyncDisposable {
  readonly url: string;
  readonly host: string;
  readonly openConnections: () => number;
  /** From now on connections are refused, and open ones are cut, until `accept`. */
  readonly refuse: () => Promise<void>;
  readonly accept: () => Promise<void>;
  readonly close: () => Promise<void>;
}

const MAX_BODY_BYTES = 1_048_576;

/** An HTTP server on 127.0.0.1 that can stop listening and listen again on the same port. */
export async function startLoopbackServer(handler: Handler, port = 0): Promise<LoopbackServer> {
  const sockets = new Set<Socket>();
  const server = createServer((request, response) => {
    answer(request, response, handler).catch(() => response.destroy());
  });
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  await listen(server, port);
  const { port: bound } = server.address() as AddressInfo;
  const host = `127.0.0.1:${bound}`;

  const refuse = async (): Promise<void> => {
    const closed = server.listening ? new Promise((resolve) => server.close(resolve)) : undefined;
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  const accept = async (): Promise<void> => {
    if (!server.listening) await listen(server, bound);
  };
  const openConnections = (): number => sockets.size;
  return { url: `http://${host}`, host, openConnections, refuse, accept, close: refuse, [Symbol.asyncDispose]: refuse };
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => {
      server.off("error", reject);
      resolve();
    });
  });
}

async function answer(request: IncomingMessage, response: ServerResponse, handler: Handler): Promise<void> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += (chunk as Buffer).length;
    if (size > MAX_BODY_BYTES) {
      response.writeHead(413).end();
      return;
    }
    chunks.push(chunk as Buffer);
  }
  const result = await handler({
    method: request.method ?? "GET",
    target: request.url ?? "/",
    headers: request.headers,
    body: Buffer.concat(chunks),
  });
  if (result === "hang") return;
  response.writeHead(result.status, { "Content-Length": Buffer.byteLength(result.body), ...result.headers });
  response.end(result.body);
}
