import { type Deadline, startDeadline } from "../lib/deadline.js";
import type { RefreshReason } from "../lib/refresh-reason.js";
import type { CacheEvent } from "./cache-events.js";
import {
  type CachedSession,
  type Expiring,
  remainingLife,
  type SessionInit,
  toCachedSession,
} from "./cached-session.js";
import { type FailedBy, type RefreshFailure, type Stopwatch, startStopwatch, toFailure } from "./refresh-failure.js";

export interface RefresherInit<T extends Expiring, C> extends SessionInit {
  /** Gets a new value within the deadline. Called by one refresh at a time. */
  readonly acquire: (context: C, deadline: Deadline) => Promise<T>;
  /** The time limit of one refresh, in milliseconds. */
  readonly timeoutMs: number;
  /** The error for a value that has ended before it arrived. */
  readonly expiredError: (value: T) => Error;
  /** Whether the same refresh may succeed a moment later. */
  readonly isRetryable: (error: unknown) => boolean;
  readonly onEvent: (event: CacheEvent) => void;
  /** Called at the end of each refresh, with what it was started with. */
  readonly onEnd: (context: C) => void;
}

/** A refresh under way. */
export interface Refresh<T> {
  readonly answer: Promise<T>;
  /** Milliseconds since it began. */
  readonly durationMs: () => number;
  /** Undefined unless it has failed. */
  readonly failedBy: () => FailedBy | undefined;
}

/** Runs one refresh at a time, keeps the session that came last, and remembers how the last refresh failed. */
export interface Refresher<T, C> {
  /** The session, which may have ended. */
  readonly session: () => CachedSession<T> | undefined;
  /** The session if it lives. */
  readonly liveSession: () => CachedSession<T> | undefined;
  readonly pendingRefresh: () => Refresh<T> | undefined;
  /** How the last refresh failed; undefined where it succeeded. */
  readonly failure: () => RefreshFailure | undefined;
  /** The pending refresh, else a new one. */
  readonly refresh: (context: C, reason: RefreshReason) => Refresh<T>;
}

/** How long after a failure a request with nothing to serve may start the next refresh. */
export const RETRY_MS = 1_000;

export function createRefresher<T extends Expiring, C>(init: RefresherInit<T, C>): Refresher<T, C> {
  let session: CachedSession<T> | undefined;
  let pendingRefresh: Refresh<T> | undefined;
  let failure: RefreshFailure | undefined;

  const liveSession = (): CachedSession<T> | undefined =>
    session !== undefined && remainingLife(session) > 0 ? session : undefined;

  const start = (context: C, reason: RefreshReason): Refresh<T> => {
    const stopwatch = startStopwatch();
    const deadline = startDeadline(init.timeoutMs);
    let failed: RefreshFailure | undefined;
    const run = async (): Promise<T> => {
      // Not before this refresh is registered: whoever asks for a session meanwhile joins it.
      await undefined;
      try {
        session = await acquireSession(init, context, deadline, stopwatch);
        failure = undefined;
        const { value, expiration } = session;
        init.onEvent({ type: "refreshSucceeded", reason, durationMs: stopwatch.durationMs(), expiration });
        return value;
      } catch (error) {
        const live = liveSession();
        failed = toFailure(error, failure, { leftMs: live ? remainingLife(live) : 0, deadline, stopwatch });
        failure = failed;
        init.onEvent(toFailedEvent(failed, reason, stopwatch.durationMs(), live?.expiration));
        throw error;
      } finally {
        if (pendingRefresh === own) pendingRefresh = undefined;
        init.onEnd(context);
      }
    };
    const own: Refresh<T> = { answer: run(), durationMs: stopwatch.durationMs, failedBy: () => failed?.failedBy };
    own.answer.catch(() => {});
    pendingRefresh = own;
    init.onEvent({ type: "refreshStarted", reason });
    return own;
  };

  return {
    session: () => session,
    liveSession,
    pendingRefresh: () => pendingRefresh,
    failure: () => failure,
    refresh: (context, reason) => pendingRefresh ?? start(context, reason),
  };
}

async function acquireSession<T extends Expiring, C>(
  init: RefresherInit<T, C>,
  context: C,
  deadline: Deadline,
  { began }: Stopwatch,
): Promise<CachedSession<T>> {
  const value = await init.acquire(context, deadline);
  const fresh = toCachedSession(value, began, init);
  if (fresh === undefined) throw init.expiredError(value);
  return fresh;
}

function toFailedEvent(
  { error, at, retryAt, count }: RefreshFailure,
  reason: RefreshReason,
  durationMs: number,
  servedUntil: Date | undefined,
): CacheEvent {
  const nextRefreshAt = new Date(Date.now() + (servedUntil ? retryAt - at : RETRY_MS));
  return { type: "refreshFailed", reason, durationMs, error, failures: count, nextRefreshAt, servedUntil };
}
