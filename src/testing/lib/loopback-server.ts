import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { FaultOptions } from "./faults.js";

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

/** What all testing servers have in common. Close one with `close()` or `await using`. */
export interface TestingServer<Fault> extends AsyncDisposable {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  /**
   * Makes requests fail, from the next one on: all of them until `clearFaults()`, or the next `times`. Faults strike in the
   * order in which they were injected.
   */
  readonly injectFault: (fault: Fault, options?: FaultOptions) => void;
  /** Ends all faults. */
  readonly clearFaults: () => void;
  /** How many connections are open now: what a caller left behind shows here. */
  readonly openConnections: () => number;
  /** Refuses connections, and cuts the open ones, until `acceptConnections()`: the server is down. */
  readonly refuseConnections: () => Promise<void>;
  /** Ends `refuseConnections()`. */
  readonly acceptConnections: () => Promise<void>;
  /** Stops the server and ends its connections. */
  readonly close: () => Promise<void>;
}

export type LoopbackServer = Omit<TestingServer<never>, "injectFault" | "clearFaults">;

/**
 * An HTTP server on 127.0.0.1 that can stop listening and listen again on the same port.
 *
 * @param beforeClose - Ends what belongs to the server.
 */
export async function startLoopbackServer(
  handler: Handler,
  port = 0,
  beforeClose = (): void => {},
): Promise<LoopbackServer> {
  const sockets = new Set<Socket>();
  const server = createServer(async (request, response) => {
    try {
      const { method = "GET", url: target = "/", headers } = request;
      const answer = await handler({ method, target, headers, body: Buffer.concat(await request.toArray()) });
      if (answer === "hang") return;
      response.writeHead(answer.status, { "Content-Length": Buffer.byteLength(answer.body), ...answer.headers });
      response.end(answer.body);
    } catch {
      response.destroy();
    }
  });
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  await once(server.listen(port, "127.0.0.1"), "listening");
  const { port: bound } = server.address() as AddressInfo;

  const refuseConnections = async () => {
    const closed = server.listening ? new Promise((resolve) => server.close(resolve)) : undefined;
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  const acceptConnections = async () => {
    if (!server.listening) await once(server.listen(bound, "127.0.0.1"), "listening");
  };
  const close = async () => {
    beforeClose();
    await refuseConnections();
  };
  return {
    url: `http://127.0.0.1:${bound}`,
    openConnections: () => sockets.size,
    refuseConnections,
    acceptConnections,
    close,
    [Symbol.asyncDispose]: close,
  };
}
