import { backoffMs } from "./backoff.js";
import { type Deadline, sleep, TimeoutError } from "./deadline.js";

export interface RetryInit {
  readonly deadline: Deadline;
  readonly isRetryable: (error: unknown) => boolean;
  /** How long the other side asks to wait, if it does (`Retry-After`). Jitter comes on top. */
  readonly retryAfterMs?: (error: unknown) => number | undefined;
  /** Tries in all. Default: as many as the deadline allows. */
  readonly maxTries?: number;
  readonly firstBackoffMs: number;
  readonly maxBackoffMs: number;
}

const isOwnTimeout = (error: unknown): boolean =>
  error instanceof TimeoutError || (error instanceof Error && error.cause instanceof TimeoutError);

/** Tries until it works, with exponential backoff and full jitter, inside the deadline. Does not keep the process alive. */
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
      const askedMs = init.retryAfterMs?.(error) ?? 0;
      // A wait beyond the deadline would end without another try.
      if (left === 0 || askedMs >= left) throw telling;
      const wait = askedMs + backoffMs(tries, { firstMs: firstBackoffMs, maxMs: maxBackoffMs });
      await sleep(Math.min(left, wait));
      if (deadline.remaining() === 0) throw telling;
      before = error;
    }
  }
}
