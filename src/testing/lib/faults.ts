import { refuseUnknown, refuseUnknownOptions } from "./refuse-unknown.js";

/** How long a fault lasts: the next `times` requests or calls, or all of them until `clearFaults()`. */
export interface FaultOptions {
  /** How many requests or calls the fault strikes; `1` is "once". Default: all, until `clearFaults()`. */
  readonly times?: number | undefined;
}

/** @param kinds - The known kinds of faults, each with the names of what else it has. */
export function createFaultQueue<Fault extends { readonly kind: string }>(
  kinds: Readonly<Record<Fault["kind"], readonly string[]>>,
) {
  let queue: { readonly fault: Fault; left: number }[] = [];
  return {
    injectFault: (fault: Fault, options: FaultOptions = {}): void => {
      const { kind, ...rest } = fault;
      refuseUnknown("fault", kind, Object.keys(kinds));
      const known = kinds[kind as Fault["kind"]];
      for (const name of Object.keys(rest)) refuseUnknown("option", name, known, ` of the fault "${kind}"`);
      // In JavaScript a number here would make every request fail, and say nothing.
      if (typeof options === "number") throw new TypeError(`Give { times: ${options} } in place of ${options}.`);
      refuseUnknownOptions("a fault", options, ["times"]);
      const { times = Number.POSITIVE_INFINITY } = options;
      if (!(times >= 1)) throw new RangeError(`times is ${times}, but must be 1 or more`);
      queue.push({ fault, left: times });
    },
    clearFaults: (): void => {
      queue = [];
    },
    /**
     * The fault for the request at hand, if there is one. Faults strike in the order of their injection: the first must be
     * used up before the second strikes. A fault that is not for such a request waits.
     */
    next: (isForThis: (fault: Fault) => boolean = () => true): Fault | undefined => {
      queue = queue.filter(({ left }) => left > 0);
      const first = queue[0];
      if (!first || !isForThis(first.fault)) return undefined;
      first.left -= 1;
      return first.fault;
    },
  };
}
