/** The time limit of one acquisition: every wait inside it is cut by the same clock. */
export interface Deadline {
  /** Milliseconds left; 0 when over. */
  readonly remaining: () => number;
}

export const startDeadline = (ms: number): Deadline => {
  const end = performance.now() + ms;
  return { remaining: () => Math.max(0, end - performance.now()) };
};

/** A limit of this package's own was reached. */
export class TimeoutError extends Error {
  override readonly name = "TimeoutError";
}

/**
 * Runs `work` for at most `ms`, then aborts its signal and rejects with what `onTimeout` makes. What `work` still does
 * after that is nobody's concern: its late failure is swallowed.
 */
export async function withTimeout<T>(
  ms: number,
  work: (signal: AbortSignal) => Promise<T>,
  onTimeout: () => unknown,
): Promise<T> {
  const controller = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(onTimeout());
      controller.abort();
    }, ms);
  });
  try {
    return await Promise.race([work(controller.signal), timeout]);
  } finally {
    clearTimeout(timer);
  }
}
