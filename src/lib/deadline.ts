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

export interface RetryInit {
  readonly deadline: Deadline;
  readonly isRetryable: (error: unknown) => boolean;
  /** Tries in all. Default: as many as the deadline allows. */
  readonly maxTries?: number;
  readonly firstBackoffMs: number;
  readonly maxBackoffMs: number;
}

const isOwnTimeout = (error: unknown): boolean =>
  error instanceof TimeoutError || (error instanceof Error && error.cause instanceof TimeoutError);

/** Tries until it works, with exponential backoff and full jitter, inside the deadline. */
export async function retry<T>(attempt: () => Promise<T>, init: RetryInit): Promise<T> {
  const { deadline, isRetryable, maxTries = Number.POSITIVE_INFINITY, firstBackoffMs, maxBackoffMs } = init;
  let before: unknown;
  for (let tries = 1; ; tries += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (!isRetryable(error) || tries >= maxTries) throw error;
      // A last try that the deadline cut short says less than what failed before it.
      const telling = before !== undefined && isOwnTimeout(error) ? before : error;
      const left = deadline.remaining();
      if (left === 0) throw telling;
      const ceiling = Math.min(maxBackoffMs, firstBackoffMs * 2 ** Math.min(tries - 1, 20));
      await new Promise((resolve) => setTimeout(resolve, Math.min(left, Math.random() * ceiling)));
      if (deadline.remaining() === 0) throw telling;
      before = error;
    }
  }
}
