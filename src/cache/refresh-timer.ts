import { remainingLife } from "./cached-session.js";
import { RETRY_MS, type Refresher } from "./refresher.js";
import { runLater } from "./run-later.js";

/**
 * Makes the function that, called at the end of each refresh, plans the next one: at the refresh window of the session,
 * or after the backoff of the failure. The timer keeps neither the process nor the refresher alive.
 */
export function createRefreshTimer<T, C>(refresher: Refresher<T, C>): (context: C) => void {
  const { liveSession, failure, refresh } = refresher;
  let timer: NodeJS.Timeout | undefined;
  let lastContext: C;

  const untilDue = (): number => {
    const live = liveSession();
    const untilWindow = live ? remainingLife(live) - live.refreshAt : 0;
    const untilRetry = (failure()?.retryAt ?? 0) - performance.now();
    return Math.max(untilWindow, untilRetry);
  };
  const refreshWhenDue = (): void => {
    // A request may have refreshed it meanwhile. Timers may fire a little early.
    if (untilDue() < RETRY_MS) refresh(lastContext, "ahead");
    else plan(lastContext);
  };
  const plan = (context: C): void => {
    lastContext = context;
    clearTimeout(timer);
    timer = runLater(refreshWhenDue, Math.max(RETRY_MS, untilDue()));
  };
  return plan;
}
