/** How often a fault strikes: the next `times` requests, or every request until `clearFaults()`. */
export interface FaultOptions {
  /** Default: until the faults are cleared. */
  readonly times?: number | undefined;
}

export interface FaultQueue<F> {
  readonly inject: (fault: F, options?: FaultOptions) => void;
  readonly clear: () => void;
  /** The fault that strikes the request at hand, if any, and if it is for such a request. First in, first to strike. */
  readonly next: (isForThis?: (fault: F) => boolean) => F | undefined;
}

export function createFaultQueue<F>(): FaultQueue<F> {
  let queue: { readonly fault: F; left: number }[] = [];
  return {
    inject: (fault, { times = Number.POSITIVE_INFINITY } = {}) => {
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
