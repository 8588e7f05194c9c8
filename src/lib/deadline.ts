import { beginWait, runningTime, TICK_MS } from "./running-time.js";

/** A timer that fires later than this was held up: the process was frozen, or its event loop was blocked. */
const LATE_MS = 50;
/** What a wait gets on top when its last timer fired late: time to read and to process what arrived meanwhile. */
const EXTRA_MS = 500;

/** The time limit of one acquisition: every wait inside it is cut by the same clock. */
export interface Deadline {
  /** Milliseconds left; 0 when over. Time in which the process did not run does not count while something waits. */
  readonly remaining: () => number;
}

export const startDeadline = (ms: number): Deadline => {
  const end = runningTime() + ms;
  return { remaining: () => Math.max(0, end - runningTime()) };
};

/** A limit of this package's own was reached. */
export class TimeoutError extends Error {
  override readonly name = "TimeoutError";
}

/**
 * Calls `onEnd` when the process has run for `ms`. Does not keep the process alive.
 *
 * After a freeze, Node runs the timers that are due before it reads the sockets. So a timer that fires late starts
 * again: the event loop then reads first what has arrived.
 *
 * @returns A function that stops the timer.
 */
function startTimer(ms: number, onEnd: () => void): () => void {
  const endWait = beginWait();
  const start = runningTime();
  let limit = ms;
  let timer: NodeJS.Timeout;
  const next = (): void => {
    const delay = Math.ceil(Math.min(TICK_MS, Math.max(0, start + limit - runningTime())));
    const due = performance.now() + delay;
    timer = setTimeout(() => {
      const isLate = performance.now() - due > LATE_MS;
      if (isLate && limit === ms && runningTime() >= start + ms) limit += EXTRA_MS;
      if (runningTime() < start + limit) return next();
      endWait();
      onEnd();
    }, delay).unref();
  };
  next();
  return () => {
    clearTimeout(timer);
    endWait();
  };
}

/**
 * Runs `work` for at most `ms`, then aborts its signal and rejects with what `onTimeout` makes. If `work` fails later,
 * that failure is ignored. Does not keep the process alive: see {@link holdProcess}.
 */
export async function withTimeout<T>(
  ms: number,
  work: (signal: AbortSignal) => Promise<T>,
  onTimeout: () => unknown,
): Promise<T> {
  const controller = new AbortController();
  let stop = (): void => {};
  const timeout = new Promise<never>((_, reject) => {
    stop = startTimer(ms, () => {
      reject(onTimeout());
      controller.abort();
    });
  });
  try {
    return await Promise.race([work(controller.signal), timeout]);
  } finally {
    stop();
  }
}

/** Waits until the process has run for `ms`. Does not keep the process alive. */
export const sleep = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    startTimer(ms, resolve);
  });

/** Waits until `work` has settled, in whatever way, or `ms` are over. Does not keep the process alive. */
export const settlesWithin = (work: Promise<unknown>, ms: number): Promise<void> =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, ms).unref();
    const end = (): void => {
      clearTimeout(timer);
      resolve();
    };
    work.then(end, end);
  });
