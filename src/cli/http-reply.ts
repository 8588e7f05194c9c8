import type { Server, ServerResponse } from "node:http";
import { CommandError } from "./command-error.js";

/** An answer of one of the servers: an object as JSON, or text. */
export interface Reply {
  readonly status: number;
  readonly body: object | string;
  readonly headers?: Readonly<Record<string, string>>;
}

export const SERVER_LIMITS = {
  maxHeaderSize: 8_192,
  headersTimeout: 5_000,
  requestTimeout: 10_000,
  keepAliveTimeout: 30_000,
  connectionsCheckingInterval: 1_000,
} as const;

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

/** @throws CommandError where the port is not free; `flag` is the option that names another one. */
export function listen(
  server: Server,
  options: { readonly port: number; readonly host?: string; readonly backlog?: number },
  flag: string,
): Promise<void> {
  const { port, host } = options;
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      const what = error.code === "EADDRINUSE" ? `is in use: choose another one with ${flag}` : error.message;
      reject(new CommandError(`port ${port}${host ? ` of ${host}` : ""} ${what}`, error));
    });
    server.listen(options, resolve);
  });
}
