import type { FaultOptions, FaultQueue } from "./faults.js";
import type { LoopbackServer } from "./loopback-server.js";

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

/** @param close - Ends the server, and what belongs to it. */
export const testingServer = <Fault>(
  server: LoopbackServer,
  faults: FaultQueue<Fault>,
  close = server.close,
): TestingServer<Fault> => ({
  url: server.url,
  injectFault: faults.inject,
  clearFaults: faults.clear,
  openConnections: server.openConnections,
  refuseConnections: server.refuse,
  acceptConnections: server.accept,
  close,
  [Symbol.asyncDispose]: close,
});
