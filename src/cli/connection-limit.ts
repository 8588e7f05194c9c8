import type { Socket } from "node:net";

/** More than the kernel's queue of new connections, so that none is ended before its first request was read. */
const MAX_CONNECTIONS = 3_072;
export const MAX_QUEUED = 2_048;
/** With more connections than this, each answer without the token waits. */
const MANY = 100;
const HOLD_MS = 2_000;

/** Limits the connections that have not shown the token: where there are too many, the oldest is ended. */
export function createConnectionLimit() {
  const connections = new Set<Socket>();
  return {
    admit: (socket: Socket): void => {
      connections.add(socket);
      socket.once("close", () => connections.delete(socket));
      const [oldest] = connections;
      if (connections.size <= MAX_CONNECTIONS || !oldest) return;
      connections.delete(oldest);
      oldest.destroy();
    },
    /** The connection has shown the token, and is not counted any more. */
    trust: (socket: Socket): unknown => connections.delete(socket),
    /** Calls `answer` at once, or after a while where there are many connections; never after the connection's end. */
    answer: (socket: Socket, answer: () => void): void => {
      if (connections.size <= MANY) {
        answer();
        return;
      }
      const timer = setTimeout(answer, HOLD_MS);
      socket.once("close", () => clearTimeout(timer));
    },
  };
}
