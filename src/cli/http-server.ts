import { createServer, type RequestListener, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** An answer of one of the servers: an object as JSON, or text. */
export interface Reply {
  readonly status: number;
  readonly body: object | string;
  readonly headers?: Readonly<Record<string, string>>;
}

export const REQUEST_MS = 10_000;
const LIMITS = {
  maxHeaderSize: 8_192,
  headersTimeout: 5_000,
  requestTimeout: REQUEST_MS,
  keepAliveTimeout: 30_000,
  connectionsCheckingInterval: 1_000,
};

/** Both spellings: the SDKs read `Code` and `Message`, HTTP APIs have `code` and `message`. */
export const refuse = (status: number, code: string, message: string, headers: Reply["headers"] = {}): Reply => ({
  status,
  body: { code, message, Code: code, Message: message },
  headers,
});

export function send(response: ServerResponse, { status, body, headers }: Reply): void {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  response.writeHead(status, {
    "Content-Type": "application/json",
    "Cache-Control": "no-store",
    "Content-Length": Buffer.byteLength(text),
    ...headers,
  });
  response.end(text);
}

/**
 * Starts a server. Its `close` ends it at once.
 *
 * @throws Error where the port is not free; `flag` is the option that names another one.
 */
export async function startServer(
  listener: RequestListener,
  options: { readonly port: number; readonly host?: string; readonly backlog?: number },
  flag: string,
) {
  const server = createServer(LIMITS, listener);
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      const what = error.code === "EADDRINUSE" ? `is in use: choose another one with ${flag}` : error.message;
      reject(new Error(`port ${options.port}${options.host ? ` of ${options.host}` : ""} ${what}`));
    });
    server.listen(options, resolve);
  });
  const close = (): void => {
    server.close();
    server.closeAllConnections();
  };
  return { server, port: (server.address() as AddressInfo).port, close };
}
