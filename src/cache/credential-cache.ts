import { settlesWithin } from "../lib/deadline.js";
import { holdProcess } from "../lib/hold-process.js";
import type { RefreshReason } from "../lib/refresh-reason.js";
import type { CacheEvent } from "./cache-events.js";
import { type CachedSession, type Expiring, phaseOfSession } from "./cached-session.js";
import { createRefreshTimer } from "./refresh-timer.js";
import { createRefresher, RETRY_MS, type Refresher, type RefresherInit } from "./refresher.js";

export type { CacheEvent } from "./cache-events.js";
export type { Expiring } from "./cached-session.js";

export interface CredentialCacheInit<T extends Expiring, C> extends Omit<RefresherInit<T, C>, "onEvent" | "onEnd"> {
  readonly onEvent?: ((event: CacheEvent) => void) | undefined;
}

export type CredentialCache<T extends Expiring, C> = (context: C, forceRefresh?: boolean) => Promise<T>;

/** In the last minute of a session, nobody waits for a refresh longer than this after its beginning. */
const SHORT_WAIT_MS = 1_000;

/**
 * Keeps one value fresh: serves it at once while it lives, refreshes it in the background before it ends, and runs one
 * refresh at a time, whatever the number of requests.
 *
 * Without `keepFresh` only requests start refreshes. With it, a timer does too, from the first request on.
 */
export function createCredentialCache<T extends Expiring, C>(init: CredentialCacheInit<T, C>): CredentialCache<T, C> {
  const { keepFresh, isRetryable, onEvent = () => {} } = init;
  const onEnd = (context: C): void => planRefresh?.(context);
  const refresher = createRefresher<T, C>({ ...init, onEvent, onEnd });
  const planRefresh = keepFresh ? createRefreshTimer(refresher) : undefined;
  const { serve, startInBackground, waitShortly, waitForRefresh } = createActions(refresher, { isRetryable, onEvent });

  return (context, forceRefresh = false) => {
    if (forceRefresh) return holdProcess(waitForRefresh(context, "forced"));
    const session = refresher.session();
    if (!session) return holdProcess(waitForRefresh(context, "empty"));
    switch (phaseOfSession(session)) {
      case "fresh":
        return session.answer;
      case "due":
        startInBackground(context);
        return serve(session);
      case "lastMinute":
        return holdProcess(waitShortly(context));
      case "lastSeconds":
      case "none":
        return holdProcess(waitForRefresh(context, "expiring"));
    }
  };
}

/** Makes the function that gives the session, and tells once per failure that it could not be replaced. */
function createServe<T, C>({ failure }: Refresher<T, C>, onEvent: (event: CacheEvent) => void) {
  let toldOfStale: unknown;
  return ({ expiration, answer }: CachedSession<T>): Promise<T> => {
    const failed = failure();
    if (failed && toldOfStale !== failed) {
      toldOfStale = failed;
      onEvent({ type: "staleServed", expiration });
    }
    return answer;
  };
}

/** What a request can do: be served, start a refresh, wait for one. */
function createActions<T, C>(
  refresher: Refresher<T, C>,
  { isRetryable, onEvent }: Pick<RefresherInit<Expiring, C>, "isRetryable" | "onEvent">,
) {
  const { liveSession, pendingRefresh, failure, refresh } = refresher;
  const serve = createServe(refresher, onEvent);

  /** The pending refresh, else a new one, unless the last one failed too recently. */
  const refreshUnlessBackingOff = (context: C, reason: RefreshReason) =>
    pendingRefresh() ?? (performance.now() < (failure()?.retryAt ?? 0) ? undefined : refresh(context, reason));

  const startInBackground = (context: C): void => {
    refreshUnlessBackingOff(context, "ahead");
  };

  /** An SDK client asks two or three times for one request of its own: together they wait no longer than one. */
  const waitShortly = async (context: C): Promise<T> => {
    const pending = refreshUnlessBackingOff(context, "expiring");
    const waitMs = pending ? SHORT_WAIT_MS - pending.durationMs() : 0;
    if (pending && waitMs > 0) await settlesWithin(pending.answer, waitMs);
    const live = liveSession();
    // The session has ended if the process stood still meanwhile.
    return live ? serve(live) : waitForRefresh(context, "expiring");
  };

  /**
   * Waits for the refresh. If that fails while the session lives, gives the session, unless the refresh was forced.
   *
   * Each request has a time limit of its own: one that joined a refresh whose time was over starts one more. The same
   * holds after a refresh during which the process stood still, if that failure is one that passes.
   */
  const waitForRefresh = async (context: C, reason: RefreshReason): Promise<T> => {
    const joined = pendingRefresh();
    const last = failure();
    const liveOr = (error: unknown): Promise<T> => {
      const live = reason === "forced" ? undefined : liveSession();
      return live ? serve(live) : Promise.reject(error);
    };
    if (!joined && last && performance.now() - last.at < RETRY_MS) return liveOr(last.error);
    const awaited = joined ?? refresh(context, reason);
    return awaited.answer.catch((error) => {
      const failedBy = awaited.failedBy();
      const startsOneMore =
        (failedBy === "interrupted" && isRetryable(error)) || (failedBy === "timeLimit" && joined !== undefined);
      return liveOr(error).catch(() => (startsOneMore ? refresh(context, reason).answer : Promise.reject(error)));
    });
  };

  return { serve, startInBackground, waitShortly, waitForRefresh };
}
