/**
 * Counts the time in which this process ran.
 *
 * A process can stand still: Cloud Run freezes it between requests, a laptop sleeps, a long computation blocks the
 * event loop. The monotonic clock goes on meanwhile, but nothing that this process waits for can arrive. Whoever waits
 * asks for the time every TICK_MS. A much longer gap is time in which the process did not run.
 */
export const TICK_MS = 100;
/** The most that one gap counts. */
const LONGEST_GAP_MS = 150;

let counted = 0;
/** Undefined before the first use: the first `performance.now()` of a process loads a part of Node, in two milliseconds. */
let last: number | undefined;
let waits = 0;

/** Milliseconds in which this process ran. Never goes back. Outside of waits, all time counts. */
export function runningTime(): number {
  const now = performance.now();
  const passed = Math.max(0, now - (last ?? now));
  last = now;
  counted += waits > 0 ? Math.min(passed, LONGEST_GAP_MS) : passed;
  return counted;
}

/** Call this when a wait begins, and what it returns when the wait ends. */
export function beginWait(): () => void {
  runningTime();
  waits += 1;
  let isWaiting = true;
  return () => {
    if (!isWaiting) return;
    isWaiting = false;
    runningTime();
    waits -= 1;
  };
}
