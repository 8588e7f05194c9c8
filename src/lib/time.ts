import { AsyncLocalStorage } from "node:async_hooks";

/** The longest delay that a timer of Node takes: a longer one becomes 1 ms. */
const MAX_TIMER_MS = 2 ** 31 - 1;
/** A timer that fires later than this was held up: the process was frozen, or its event loop was blocked. */
const LATE_MS = 50;
/** What it gets on top then, once: Node runs the timers that are due before it reads the sockets, where an answer may wait. */
const EXTRA_MS = 500;

/** The time limit of one acquisition: every wait inside it is cut by the same clock. */
export interface Deadline {
  /** Milliseconds left; 0 when over. */
  readonly remaining: () => number;
  /** What is waited for: the code of the error when the time is over. */
  waitsFor?: string;
}

export const startDeadline = (ms: number): Deadline => {
  const end = performance.now() + ms;
  return { remaining: () => Math.max(0, end - performance.now()) };
};

export class TimeoutError extends Error {
  override readonly name = "TimeoutError";
}

export const noAnswerWithin = (ms: number): TimeoutError => new TimeoutError(`no answer within ${Math.round(ms)} ms`);

/** Calls `work` after `ms`. Does not keep the process alive. */
export const later = (work: () => void, ms: number): NodeJS.Timeout =>
  setTimeout(work, Math.min(Math.ceil(ms), MAX_TIMER_MS)).unref();

/**
 * Runs `work` for at most `ms`, then aborts its signal and rejects with what `onTimeout` makes. If `work` fails later, that
 * failure is ignored. Does not keep the process alive: see {@link holdProcess}.
 *
 * @param extraMs - How much longer it may take, once, where the timer fires late.
 */
export async function withTimeout<T>(
  ms: number,
  work: (signal: AbortSignal) => Promise<T>,
  onTimeout: () => unknown = () => noAnswerWithin(ms),
  extraMs = EXTRA_MS,
): Promise<T> {
  const controller = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    const end = (): void => {
      reject(onTimeout());
      controller.abort();
    };
    const due = performance.now() + ms;
    timer = later(() => {
      if (performance.now() - due < LATE_MS || extraMs === 0) end();
      else timer = later(end, extraMs);
    }, ms);
  });
  try {
    return await Promise.race([work(controller.signal), timeout]);
  } finally {
    clearTimeout(timer);
  }
}

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => void later(resolve, ms));

/** Keeps the process alive until `work` settles: what a caller waits for. All other timers of this package let it end. */
export async function holdProcess<T>(work: Promise<T>): Promise<T> {
  const timer = setInterval(() => {}, MAX_TIMER_MS);
  try {
    return await work;
  } finally {
    clearInterval(timer);
  }
}

/** Runs `work` outside of every request's `AsyncLocalStorage`: what lasts would keep that store, and belong to its trace. */
export const outsideRequests = AsyncLocalStorage.snapshot();

export interface BackoffInit {
  /** The longest wait before the second try; it doubles with each failure, up to `maxMs`. */
  readonly firstMs: number;
  readonly maxMs: number;
  readonly leastMs?: number;
}

/** With full jitter: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/ */
export function backoffMs(failures: number, { firstMs, maxMs, leastMs = 0 }: BackoffInit): number {
  const ceiling = Math.min(maxMs, firstMs * 2 ** Math.min(failures - 1, 20));
  return Math.max(leastMs, Math.random() * ceiling);
}

export interface RetryInit extends Omit<BackoffInit, "leastMs"> {
  readonly deadline: Deadline;
  readonly isRetryable: (error: unknown) => boolean;
  /** How long the other side asks to wait, if it does (`Retry-After`). Jitter comes on top. */
  readonly retryAfterMs?: (error: unknown) => number | undefined;
}

/** Tries until it works, with backoff, inside the deadline. Does not keep the process alive. */
export async function retry<T>(attempt: () => Promise<T>, init: RetryInit): Promise<T> {
  const { deadline, isRetryable } = init;
  let before: unknown;
  for (let tries = 1; ; tries += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (!isRetryable(error)) throw error;
      // A last try that the deadline cut short says less than what failed before it.
      const isCut = [error, Object(error).cause].some((part) => part instanceof TimeoutError);
      const telling = isCut ? (before ?? error) : error;
      const left = deadline.remaining();
      const askedMs = init.retryAfterMs?.(error) ?? 0;
      // A wait beyond the deadline would end without another try.
      if (left === 0 || askedMs >= left) throw telling;
      await sleep(Math.min(left, askedMs + backoffMs(tries, init)));
      if (deadline.remaining() === 0) throw telling;
      before = telling;
    }
  }
}
