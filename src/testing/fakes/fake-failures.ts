import { createFaultQueue, type FaultOptions } from "../lib/faults.js";

/** How the fakes are made to fail: as the testing servers are, with an error in place of a fault. */
export interface FakeFailures {
  /** Makes calls fail, from the next one on: all of them until `clearFaults()`, or the next `times`. */
  readonly failWith: (error: unknown, options?: FaultOptions) => void;
  /** Ends all failures. */
  readonly clearFaults: () => void;
}

/** The two functions for the user, and the one that a fake calls first. */
export function createFakeFailures(): { readonly failures: FakeFailures; readonly throwFailure: () => void } {
  const queue = createFaultQueue<{ readonly error: unknown }>();
  return {
    failures: { failWith: (error, options) => queue.inject({ error }, options), clearFaults: queue.clear },
    throwFailure: () => {
      const failure = queue.next();
      if (failure) throw failure.error;
    },
  };
}
