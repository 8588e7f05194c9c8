import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

export interface TcpServer extends AsyncDisposable {
  readonly port: number;
}

/** A server that does this with each connection. */
export async function startTcpServer(onConnection: (socket: Socket) => void): Promise<TcpServer> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket.on("error", () => {}).on("close", () => sockets.delete(socket)));
    onConnection(socket);
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const stop = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  };
  return { port: (server.address() as AddressInfo).port, [Symbol.asyncDispose]: stop };
}

/** Passes connections on to a port, as a NAT does. It can forget those that are open: it then swallows what comes on them. */
export async function startRelay(to: number): Promise<TcpServer & { readonly forget: () => void }> {
  const forgotten = new WeakSet<Socket>();
  const open = new Set<Socket>();
  const server = await startTcpServer((near) => {
    open.add(near);
    const far = connect({ port: to, host: "127.0.0.1", allowHalfOpen: true }).on("error", () => near.destroy());
    for (const [from, into] of [
      [near, far],
      [far, near],
    ] as const) {
      from.on("data", (chunk) => forgotten.has(near) || into.write(chunk));
      from.on("end", () => forgotten.has(near) || into.end());
      from.on("close", () => forgotten.has(near) || into.destroy());
    }
  });
  const forget = (): void => {
    for (const socket of open) forgotten.add(socket);
  };
  return { ...server, forget };
}
