import { backoffMs } from "../lib/backoff.js";
import type { Deadline } from "../lib/deadline.js";
import { runningTime } from "../lib/running-time.js";

const SECOND = 1_000;
const MAX_BACKOFF_MS = 120 * SECOND;
/** Standing still for longer than this during a refresh is an interruption. Loading packages takes less. */
const INTERRUPTION_MS = 5 * SECOND;

/**
 * Why a refresh failed. `timeLimit`: its time was over, which says nothing of a request that came later and has time
 * left. `interrupted`: the process stood still meanwhile, so that what it waited for is out of date. `answer`: all else.
 */
export type FailedBy = "answer" | "timeLimit" | "interrupted";

export interface RefreshFailure {
  readonly error: unknown;
  readonly failedBy: FailedBy;
  /** When it failed, on the monotonic clock. */
  readonly at: number;
  /** When the next refresh in the background may begin, on the monotonic clock. */
  readonly retryAt: number;
  /** Failures in a row, this one included. */
  readonly count: number;
}

/** Measures one refresh. */
export interface Stopwatch {
  readonly began: number;
  readonly durationMs: () => number;
  readonly stoodStillMs: () => number;
}

export function startStopwatch(): Stopwatch {
  const began = performance.now();
  const ran = runningTime();
  const durationMs = (): number => performance.now() - began;
  return { began, durationMs, stoodStillMs: () => durationMs() - (runningTime() - ran) };
}

/** @param leftMs - How long the session in the cache lives; 0 without one. */
export function toFailure(
  error: unknown,
  previous: RefreshFailure | undefined,
  { leftMs, deadline, stopwatch }: { leftMs: number; deadline: Deadline; stopwatch: Stopwatch },
): RefreshFailure {
  const at = performance.now();
  const count = (previous?.count ?? 0) + 1;
  // Never so long that the session would end before a second try.
  const maxMs = leftMs > 0 ? Math.min(MAX_BACKOFF_MS, leftMs / 2) : MAX_BACKOFF_MS;
  const retryAt = at + backoffMs(count + 1, { firstMs: SECOND, maxMs, leastMs: SECOND });
  const isInterrupted = stopwatch.stoodStillMs() > INTERRUPTION_MS;
  const failedBy = isInterrupted ? "interrupted" : deadline.remaining() === 0 ? "timeLimit" : "answer";
  return { error, failedBy, at, retryAt, count };
}
