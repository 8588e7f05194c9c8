/** How long a fault lasts: the next `times` requests or calls, or all of them until `clearFaults()`. */
export interface FaultOptions {
  /** How many requests or calls the fault strikes; `1` is "once". Default: all, until `clearFaults()`. */
  readonly times?: number | undefined;
}

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
    inject: (fault, { times = Number.POSITIVE_INFINITY } = {}) => {
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
