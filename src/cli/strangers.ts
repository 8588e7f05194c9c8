import type { Socket } from "node:net";

/** Keeps those who have not shown the token from using up the server's time and places. */
export interface Strangers {
  /** Counts a new connection. Where there are too many, the oldest goes: first one that was refused already. */
  readonly admit: (socket: Socket) => void;
  /** A connection that has shown the token is not counted any more. */
  readonly trust: (socket: Socket) => void;
  /** Waits before a refusal is answered, where there were many in the last second. Tells whether it did. */
  readonly slowDown: (socket: Socket, kind: string) => Promise<boolean>;
}

/** More than the kernel's queue of new connections, so that none is dropped before its first request was read. */
const MAX_CONNECTIONS = 3_072;
export const MAX_QUEUED = 2_048;
const REFUSALS_PER_SECOND = 100;
const BURST = 200;
/** Spread, so that those who were slowed down do not come back together. */
const HOLD_MS = { least: 2_000, most: 4_000 };

export function createStrangers(): Strangers {
  const unknown = new Set<Socket>();
  const refused = new Set<Socket>();
  const buckets = new Map<string, () => boolean>();

  const forget = (socket: Socket): void => {
    unknown.delete(socket);
    refused.delete(socket);
  };
  const first = ([socket]: Iterable<Socket>): Socket | undefined => socket;

  return {
    admit: (socket) => {
      unknown.add(socket);
      socket.once("close", () => forget(socket));
      if (unknown.size + refused.size <= MAX_CONNECTIONS) return;
      const oldest = first(refused) ?? first(unknown);
      if (!oldest) return;
      forget(oldest);
      oldest.destroy();
    },
    trust: forget,
    slowDown: async (socket, kind) => {
      unknown.delete(socket);
      refused.add(socket);
      const isWithinRate = buckets.get(kind) ?? createBucket();
      buckets.set(kind, isWithinRate);
      if (isWithinRate()) return false;
      const ms = HOLD_MS.least + Math.random() * (HOLD_MS.most - HOLD_MS.least);
      await new Promise((resolve) => setTimeout(resolve, ms).unref());
      return true;
    },
  };
}

/** A token bucket: true while there is one left. */
function createBucket(): () => boolean {
  let left = BURST;
  let at = performance.now();
  return () => {
    const now = performance.now();
    left = Math.min(BURST, left + ((now - at) / 1_000) * REFUSALS_PER_SECOND);
    at = now;
    if (left < 1) return false;
    left -= 1;
    return true;
  };
}
