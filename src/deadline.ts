/** The time limit of one acquisition: every wait inside it is cut by the same clock. */
export interface Deadline {
  /** Milliseconds left; 0 when over. */
  readonly remaining: () => number;
}

export const startDeadline = (ms: number): Deadline => {
  const end = performance.now() + ms;
  return { remaining: () => Math.max(0, end - performance.now()) };
};

/**
 * Runs `work` for at most `ms`, then aborts its signal and rejects with what `onTimeout` makes. What `work` still does
 * after that is nobody's concern: its late failure is swallowed.
 */
export async function withTimeout<T>(
  ms: number,
  work: (signal: AbortSignal) => Promise<T>,
  onTimeout: () => Error,
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

export interface RetryInit {
  readonly deadline: Deadline;
  readonly isRetryable: (error: unknown) => boolean;
  /** Tries in all. Default: as many as the deadline allows. */
  readonly maxTries?: number;
  readonly firstBackoffMs: number;
  readonly maxBackoffMs: number;
}

/** Tries until it works, with exponential backoff and full jitter, inside the deadline. */
export async function retry<T>(attempt: () => Promise<T>, init: RetryInit): Promise<T> {
  const { deadline, isRetryable, maxTries = Number.POSITIVE_INFINITY, firstBackoffMs, maxBackoffMs } = init;
  for (let tries = 1; ; tries += 1) {
    try {
      return await attempt();
    } catch (error) {
      const left = deadline.remaining();
      if (!isRetryable(error) || tries >= maxTries || left === 0) throw error;
      const ceiling = Math.min(maxBackoffMs, firstBackoffMs * 2 ** Math.min(tries - 1, 20));
      await new Promise((resolve) => setTimeout(resolve, Math.min(left, Math.random() * ceiling)));
      if (deadline.remaining() === 0) throw error;
    }
  }
}
