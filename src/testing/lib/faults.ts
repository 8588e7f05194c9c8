import { type Names, refuseUnknown, refuseUnknownOptions } from "./refuse-unknown.js";

/** How long a fault lasts: the next `times` requests or calls, or all of them until `clearFaults()`. */
export interface FaultOptions {
  /** How many requests or calls the fault strikes; `1` is "once". Default: all, until `clearFaults()`. */
  readonly times?: number | undefined;
}

const FAULT_OPTIONS: Names<FaultOptions> = { times: true };

/** A fault has a kind, and perhaps more. */
interface FaultOfKind {
  readonly kind: string;
}

/** Each kind of fault, with the names of what else it has. */
export type FaultKinds<F extends FaultOfKind> = {
  readonly [kind in F["kind"]]: Names<Omit<Extract<F, { kind: kind }>, "kind">>;
};

export interface FaultQueue<F> {
  readonly inject: (fault: F, options?: FaultOptions) => void;
  readonly clear: () => void;
  /**
   * The fault for the request at hand, if there is one. Faults strike in the order of their injection: the first must be
   * used up before the second strikes. A fault that is not for such a request waits.
   */
  readonly next: (isForThis?: (fault: F) => boolean) => F | undefined;
}

export function createFaultQueue<F>(): FaultQueue<F> {
  let queue: { readonly fault: F; left: number }[] = [];
  return {
    inject: (fault, options = {}) => {
      // In JavaScript a number here would make every request fail, and say nothing.
      if (typeof options === "number") throw new TypeError(`Give { times: ${options} } in place of ${options}.`);
      refuseUnknownOptions("a fault", options, FAULT_OPTIONS);
      const { times = Number.POSITIVE_INFINITY } = options;
      if (!(times >= 1)) throw new RangeError(`times is ${times}, but must be 1 or more`);
      queue.push({ fault, left: times });
    },
    clear: () => {
      queue = [];
    },
    next: (isForThis = () => true) => {
      queue = queue.filter(({ left }) => left > 0);
      const first = queue[0];
      if (!first || !isForThis(first.fault)) return undefined;
      first.left -= 1;
      return first.fault;
    },
  };
}

/** A queue that takes faults of these kinds alone. */
export function createFaultQueueOf<F extends FaultOfKind>(kinds: FaultKinds<F>): FaultQueue<F> {
  const queue = createFaultQueue<F>();
  return {
    ...queue,
    inject: (fault, options) => {
      const { kind, ...rest } = fault;
      refuseUnknown("fault", kind, kinds);
      refuseUnknownOptions(`the fault "${kind}"`, rest, kinds[kind as F["kind"]]);
      queue.inject(fault, options);
    },
  };
}
