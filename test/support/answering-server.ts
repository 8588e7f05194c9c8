import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface AnsweringServer extends AsyncDisposable {
  /** `127.0.0.1:PORT`. */
  readonly host: string;
  readonly server: Server;
  /** How many connections are open. */
  readonly connections: () => Promise<number>;
}

/** A server on loopback that answers whatever a test wants, hostile answers included. */
export async function startAnsweringServer(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
  address = "127.0.0.1",
): Promise<AnsweringServer> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, address, resolve));
  return {
    server,
    host: `${address.includes(":") ? `[${address}]` : address}:${(server.address() as AddressInfo).port}`,
    connections: () => new Promise((resolve) => server.getConnections((_, count) => resolve(count))),
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** A metadata server that answers this for each path's end, such as `identity` or `email`; 404 for other paths. */
export const startMetadataAnswering = (answers: Readonly<Record<string, string | { status: number; text: string }>>) =>
  startAnsweringServer(({ url = "" }, response) => {
    const end = new URL(url, "http://x").pathname.replace(/\/$/, "").split("/").at(-1) ?? "";
    const answer = answers[end] ?? { status: end === "" || end === "v1" ? 200 : 404, text: "" };
    const { status, text } = typeof answer === "string" ? { status: 200, text: answer } : answer;
    response.writeHead(status, { "Metadata-Flavor": "Google", Server: "Metadata Server for VM" });
    response.end(text);
  });
