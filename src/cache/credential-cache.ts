import {
  backoffMs,
  type Deadline,
  holdProcess,
  later,
  noAnswerWithin,
  outsideRequests,
  sleep,
  startDeadline,
  withTimeout,
} from "../lib/time.js";
import type { EventWithoutRole, RefreshFailedEvent, RefreshReason } from "../options/events.js";
import { phaseOf, type RefreshWindowInit, type RefreshWindows, refreshWindows } from "./refresh-window.js";

/** What the cache keeps. Without an `expiration` it has no end, and is asked for again after five minutes. */
export interface Expiring {
  readonly expiration?: Date | undefined;
}

/** `C` is what a request says of the client that made it. */
export interface CredentialCacheInit<T extends Expiring, C> extends RefreshWindowInit {
  /**
   * Gets a new value within the deadline, after so many failures in a row for this client. It calls `onConnect` when the
   * client's own connection is used: until then, the refresh is one for all clients.
   */
  readonly acquire: (context: C, deadline: Deadline, failures: number, onConnect: () => void) => Promise<T>;
  /** How long one request waits at most, and so one refresh, in milliseconds. */
  readonly timeoutMs: number;
  /** The length that was asked for: nothing is served longer than this, whatever its `expiration` says. */
  readonly longestLifeSeconds: number;
  /** The error for a value that has ended before it arrived. */
  readonly expiredError: (value: T) => Error;
  /** The error for a request whose time is over while a refresh still runs. */
  readonly timeoutError?: (deadline: Deadline | undefined) => unknown;
  /** Whether two requests come from the same client. Default: they do. */
  readonly isSameClient?: (a: C, b: C) => boolean;
  /** Whether the client's own connection may be the cause of a failure: then it says nothing of other clients. Default: it may. */
  readonly isOfClient?: (error: unknown) => boolean;
  /** Gives each caller an error of its own. Default: all get the same. */
  readonly copyError?: (error: unknown) => unknown;
  readonly onEvent?: ((event: CacheEvent) => void) | undefined;
}

/** The public events; of a failure the error itself, which the caller puts into words. */
export type CacheEvent =
  | EventWithoutRole
  | (Omit<EventWithoutRole<RefreshFailedEvent>, "code" | "message" | "hint"> & { readonly error: unknown });

const SECOND = 1_000;
/** In the last minute of a session, nobody waits for a refresh longer than this after its beginning. */
const SHORT_WAIT_MS = SECOND;
/** No refresh begins sooner after a failure of the same client. */
const RETRY_MS = SECOND;
/** With nothing to serve, the longest pause between refreshes that run out of time: requests fail at once meanwhile. */
const MAX_PAUSE_MS = 10 * SECOND;
const MAX_BACKOFF_MS = 120 * SECOND;
/** A wait that took this much longer than its limit was interrupted: the process stood still meanwhile. */
const INTERRUPTION_MS = 5 * SECOND;
/** A request waits this much longer than its refresh may take: the error of the refresh says more than a time-out. */
const GRACE_MS = 250;
/** Refreshes at the same time, each for another client. */
const MAX_REFRESHES = 4;
/** Clients whose failure is remembered. The newest of so many failures counts for every other client too. */
const MAX_FAILURES = 16;

/** What is in the cache. All times are on the monotonic clock, except `expiration`. */
interface Session<T> extends RefreshWindows {
  readonly expiration: Date;
  /** The value as each request gets it: one promise for all of them. */
  readonly answer: Promise<T>;
  readonly end: number;
}

interface Refresh<T, C> {
  readonly context: C;
  readonly answer: Promise<T>;
  readonly began: number;
  readonly deadline: Deadline;
  /** Resolves when it uses its client's connection. */
  readonly connected: Promise<void>;
  /** Whether it failed because its time was over: that says nothing of a request that has time left. */
  ranOutOfTime: boolean;
}

interface Failure<C> {
  readonly context: C;
  readonly error: unknown;
  readonly at: number;
  /** When a request with nothing to serve may start the next refresh. */
  readonly mayFollowAt: number;
  /** When the next refresh in the background may begin. */
  readonly retryAt: number;
  /** Failures of this client in a row, this one included. */
  readonly count: number;
}

/** Whichever clock says "ended" first wins, so that a jump of the wall clock cannot keep a dead session alive. */
const lifeOf = ({ expiration, end }: Session<unknown>): number =>
  Math.min(expiration.getTime() - Date.now(), end - performance.now());

/**
 * Keeps one value fresh: serves it at once while it lives, refreshes it in the background before it ends, and runs one
 * refresh at a time for each client, whatever the number of requests. What a request gets, and when: see {@link phaseOf}.
 *
 * A session is for all clients that share the cache. A failure, and a refresh that hangs, is for the client that made it.
 * Without `keepFresh` only requests start refreshes. With it, a timer does too, from the first request on.
 */
export function createCredentialCache<T extends Expiring, C>(init: CredentialCacheInit<T, C>) {
  const cache = new Cache(init);
  return (context: C, forceRefresh = false): Promise<T> => cache.get(context, forceRefresh);
}

class Cache<T extends Expiring, C> {
  #session: Session<T> | undefined;
  /** Oldest first. */
  #pending: readonly Refresh<T, C>[] = [];
  /** Since the last success, newest first, one for each client. */
  #failures: readonly Failure<C>[] = [];
  #toldOfStale: Failure<C> | undefined;
  /** The client that asked last. */
  #context: C | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    readonly init: CredentialCacheInit<T, C>,
    readonly isSameClient = init.isSameClient ?? (() => true),
  ) {}

  get(context: C, forceRefresh: boolean): Promise<T> {
    this.#context = context;
    const session = this.#session;
    if (forceRefresh) return holdProcess(this.#wait(context, "forced"));
    if (!session) return holdProcess(this.#wait(context, "empty"));
    switch (phaseOf(lifeOf(session), session)) {
      case "fresh":
        return session.answer;
      case "due":
        this.#refreshUnlessBackingOff(context, "ahead");
        return this.#serve(session);
      case "lastMinute":
        return holdProcess(this.#waitShortly(context));
      default:
        return holdProcess(this.#wait(context, "expiring"));
    }
  }

  #live(): Session<T> | undefined {
    return this.#session && lifeOf(this.#session) > 0 ? this.#session : undefined;
  }

  /** Gives the session, and tells once per failure that it could not be replaced. */
  #serve({ expiration, answer }: Session<T>): Promise<T> {
    const [failure] = this.#failures;
    if (failure && this.#toldOfStale !== failure) {
      this.#toldOfStale = failure;
      this.init.onEvent?.({ type: "staleServed", expiration });
    }
    return answer;
  }

  #pendingOf(context: C): Refresh<T, C> | undefined {
    return this.#pending.find((refresh) => this.isSameClient(refresh.context, context));
  }

  #failureOf(context: C): Failure<C> | undefined {
    const { isOfClient } = this.init;
    const failure = this.#failures.find(
      (known) => this.isSameClient(known.context, context) || (isOfClient && !isOfClient(known.error)),
    );
    return failure ?? (this.#failures.length < MAX_FAILURES ? undefined : this.#failures[0]);
  }

  /** An SDK client asks two or three times for one request of its own: together they wait no longer than one. */
  async #waitShortly(context: C): Promise<T> {
    const refresh = this.#refreshUnlessBackingOff(context, "expiring");
    const waitMs = refresh ? refresh.began + SHORT_WAIT_MS - performance.now() : 0;
    if (refresh && waitMs > 0) await Promise.race([refresh.answer.catch(() => {}), sleep(waitMs)]);
    const live = this.#live();
    // The session has ended if the process stood still meanwhile.
    return live ? this.#serve(live) : this.#wait(context, "expiring");
  }

  /**
   * Waits for a refresh, for the request's own time and no longer. If that fails while the session lives, gives the session,
   * unless the refresh was forced. A request that was interrupted starts over, once: what it waited for is out of date.
   */
  async #wait(context: C, reason: RefreshReason): Promise<T> {
    const { timeoutMs, timeoutError, copyError } = this.init;
    for (let isRepeated = false; ; isRepeated = true) {
      const began = performance.now();
      const waiting: { refresh?: Refresh<T, C>; error?: unknown } = {};
      const timedOut = (): unknown =>
        waiting.error ?? timeoutError?.(waiting.refresh?.deadline) ?? noAnswerWithin(timeoutMs);
      try {
        const limit = timeoutMs + Math.min(GRACE_MS, timeoutMs / 20);
        return await withTimeout(limit, () => this.#join(context, reason, waiting), timedOut, 0);
      } catch (error) {
        const live = reason === "forced" ? undefined : this.#live();
        if (live) return this.#serve(live);
        if (isRepeated || performance.now() - began <= timeoutMs + INTERRUPTION_MS) throw copyError?.(error) ?? error;
      }
    }
  }

  /** Joins the refresh that runs, or starts one. One that joined a refresh whose time was over starts one more. */
  async #join(context: C, reason: RefreshReason, waiting: { refresh?: Refresh<T, C>; error?: unknown }): Promise<T> {
    const other = this.#pendingOf(context) ? undefined : this.#pending.at(-1);
    if (other) {
      // Another client's connection may hang: it is not waited for longer than a second.
      const isSlow = other.connected.then(() => sleep(SHORT_WAIT_MS));
      const value = await Promise.race([other.answer.catch(() => undefined), isSlow]);
      if (value) return value;
    }
    const joined =
      this.#pendingOf(context) ?? (this.#pending.length < MAX_REFRESHES ? undefined : this.#pending.at(-1));
    const failure = joined || other?.ranOutOfTime ? undefined : this.#failureOf(context);
    if (failure && performance.now() < failure.mayFollowAt) throw failure.error;
    waiting.refresh = joined ?? this.#start(context, reason);
    try {
      return await waiting.refresh.answer;
    } catch (error) {
      if (!joined?.ranOutOfTime) throw error;
      waiting.error = error;
      waiting.refresh = this.#pendingOf(context) ?? this.#start(context, reason);
      return waiting.refresh.answer;
    }
  }

  /** The refresh that runs, whoever started it, else a new one, unless the last one failed too recently. */
  #refreshUnlessBackingOff(context: C, reason: RefreshReason): Refresh<T, C> | undefined {
    const pending = this.#pendingOf(context) ?? this.#pending.at(-1);
    return pending ?? (performance.now() < this.#retryAt(context) ? undefined : this.#start(context, reason));
  }

  #retryAt(context: C): number {
    const failure = this.#failureOf(context);
    if (failure) return failure.retryAt;
    const [last] = this.#failures;
    return last ? last.at + RETRY_MS : 0;
  }

  #start(context: C, reason: RefreshReason): Refresh<T, C> {
    const began = performance.now();
    const deadline = startDeadline(this.init.timeoutMs);
    const failures = this.#failureOf(context)?.count ?? 0;
    let onConnect = (): void => {};
    const connected = new Promise<void>((resolve) => {
      onConnect = resolve;
    });
    const run = async (): Promise<T> => {
      // Not before this refresh is registered: whoever asks for a session meanwhile joins it.
      await undefined;
      try {
        const value = await this.init.acquire(context, deadline, failures, onConnect);
        this.#keep(value, refresh, reason);
        return value;
      } catch (error) {
        refresh.ranOutOfTime = deadline.remaining() === 0;
        this.#fail(error, refresh, reason);
        throw error;
      } finally {
        this.#pending = this.#pending.filter((other) => other !== refresh);
        if (this.init.keepFresh) this.#planRefresh();
      }
    };
    const answer = outsideRequests(run);
    const refresh: Refresh<T, C> = { context, began, deadline, answer, connected, ranOutOfTime: false };
    refresh.answer.catch(() => {});
    this.#pending = [...this.#pending, refresh];
    this.init.onEvent?.({ type: "refreshStarted", reason });
    return refresh;
  }

  /**
   * A clock that is behind makes the end look far away, so a session also ends `longestLifeSeconds` after the moment at
   * which its acquisition began. That moment is never later than the real start of the session.
   */
  #keep(value: T, { began }: Refresh<T, C>, reason: RefreshReason): void {
    const now = performance.now();
    const longest = began + this.init.longestLifeSeconds * SECOND - now;
    const left = value.expiration && Math.min(value.expiration.getTime() - Date.now(), longest);
    if (left !== undefined && !(left > 0)) throw this.init.expiredError(value);
    const windows = refreshWindows(left, this.init);
    const expiration = value.expiration ?? new Date(Date.now() + windows.life);
    this.#session = { expiration, answer: Promise.resolve(value), end: now + windows.life, ...windows };
    this.#failures = [];
    this.init.onEvent?.({ type: "refreshSucceeded", reason, durationMs: now - began, expiration });
  }

  #fail(error: unknown, { context, began, ranOutOfTime }: Refresh<T, C>, reason: RefreshReason): void {
    const now = performance.now();
    const live = this.#live();
    const count = (this.#failureOf(context)?.count ?? 0) + 1;
    // Never so long that the session would end before a second try.
    const maxMs = live ? Math.min(MAX_BACKOFF_MS, lifeOf(live) / 2) : MAX_BACKOFF_MS;
    const retryMs = backoffMs(count + 1, { firstMs: SECOND, maxMs, leastMs: RETRY_MS });
    const longest = ranOutOfTime ? MAX_PAUSE_MS : RETRY_MS;
    const pauseMs = backoffMs(count, { firstMs: SECOND, maxMs: longest, leastMs: RETRY_MS });
    const wasInterrupted = now - began > this.init.timeoutMs + INTERRUPTION_MS;
    const mayFollowAt = wasInterrupted ? now : now + pauseMs;
    const failure = { context, error, at: now, mayFollowAt, retryAt: now + retryMs, count };
    const others = this.#failures.filter((other) => !this.isSameClient(other.context, context));
    this.#failures = [failure, ...others].slice(0, MAX_FAILURES);
    this.init.onEvent?.({
      type: "refreshFailed",
      reason,
      durationMs: now - began,
      error,
      failures: count,
      nextRefreshAt: new Date(Date.now() + (live ? retryMs : mayFollowAt - now)),
      servedUntil: live?.expiration,
    });
  }

  /** For `keepFresh`: starts the next refresh when it is due. The timer keeps neither the process nor this cache alive. */
  #planRefresh(): void {
    clearTimeout(this.#timer);
    this.#timer = refreshLater(new WeakRef(this), Math.max(RETRY_MS, this.#untilDue()));
  }

  #untilDue(): number {
    const live = this.#live();
    return Math.max(live ? lifeOf(live) - live.refreshAt : 0, this.#retryAt(this.#context as C) - performance.now());
  }

  refreshWhenDue(): void {
    // A request may have refreshed it meanwhile. Timers may fire a little early.
    if (this.#untilDue() < RETRY_MS) this.#refreshUnlessBackingOff(this.#context as C, "ahead") ?? this.#planRefresh();
    else this.#planRefresh();
  }
}

/** A function of its own, whose closure does not hold the cache. */
const refreshLater = (cache: WeakRef<{ refreshWhenDue(): void }>, ms: number): NodeJS.Timeout =>
  outsideRequests(() => later(() => cache.deref()?.refreshWhenDue(), ms));
