/** The clock is looked at this often: a machine may have been suspended, and the clock may have been set. */
const LOOK_MS = 30_000;

interface KeepFreshInit {
  /** Gets it anew, and gives the milliseconds until it should be got again. */
  readonly refresh: () => Promise<number>;
  /** Gives the milliseconds until the next try. */
  readonly onFailure: (error: unknown, failures: number) => number;
  /** Whether it has been lost, and must be got at once. */
  readonly isLost?: () => boolean;
  /** How long to wait before the first refresh. */
  readonly firstWaitMs?: number;
  readonly stop: AbortSignal;
}

/** Refreshes ahead of time until it is stopped. The function that it returns refreshes now. */
export function keepFresh({ refresh, onFailure, isLost, firstWaitMs = 0, stop }: KeepFreshInit): () => void {
  let isAsked = false;
  let endPause = (): void => {};
  const pause = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, Math.min(ms, LOOK_MS));
      endPause = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  const wait = async (ms: number, isOver = () => false): Promise<void> => {
    const [due, dueByTimer] = [Date.now() + ms, performance.now() + ms];
    // Whichever clock comes first: the wall clock may be set back, and the other one stands still in a suspended machine.
    const left = (): number => Math.min(due - Date.now(), dueByTimer - performance.now());
    while (left() > 0 && !isAsked && !stop.aborted && !isOver()) await pause(left());
  };
  const run = async (): Promise<void> => {
    let failures = 0;
    await wait(firstWaitMs);
    while (!stop.aborted) {
      isAsked = false;
      try {
        const ms = await refresh();
        failures = 0;
        await wait(ms, isLost);
      } catch (error) {
        failures += 1;
        if (!stop.aborted) await wait(onFailure(error, failures));
      }
    }
  };
  stop.addEventListener("abort", () => endPause(), { once: true });
  void run();
  return () => {
    isAsked = true;
    endPause();
  };
}
