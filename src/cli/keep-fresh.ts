import { backoffMs } from "../lib/time.js";

export interface KeepFreshInit {
  /** Gets it anew, and says in how many milliseconds it should be got again. */
  readonly refresh: () => Promise<number>;
  readonly onFailure: (error: unknown, retryInMs: number) => void;
  readonly stop: AbortSignal;
}

/** What `work` gives, or a rejection as soon as it is stopped: a cloud that does not answer holds nobody up. */
export function unlessStopped<T>(work: Promise<T>, stop: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onStop = (): void => reject(stop.reason);
    if (stop.aborted) onStop();
    stop.addEventListener("abort", onStop, { once: true });
    work.then(resolve, reject).finally(() => stop.removeEventListener("abort", onStop));
  });
}

const sleep = (ms: number, stop: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (stop.aborted) return resolve();
    const end = (): void => {
      clearTimeout(timer);
      stop.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    stop.addEventListener("abort", end, { once: true });
  });

/** Refreshes ahead of time until it is stopped. A failure is told and tried again, with backoff and full jitter. */
export async function keepFresh({ refresh, onFailure, stop }: KeepFreshInit): Promise<void> {
  let failures = 0;
  while (!stop.aborted) {
    const wait = await refresh().then(
      (ms) => {
        failures = 0;
        return ms;
      },
      (error: unknown) => {
        failures += 1;
        const ms = backoffMs(failures + 1, { firstMs: 1_000, maxMs: 120_000, leastMs: 1_000 });
        if (!stop.aborted) onFailure(error, ms);
        return ms;
      },
    );
    await sleep(wait, stop);
  }
}
