import { backoffMs } from "../lib/backoff.js";
import type { RefreshReason } from "../lib/refresh-reason.js";

/** What the cache keeps: anything that says when it ends. */
export interface Expiring {
  readonly expiration: Date;
}

export type CacheEvent =
  | { readonly type: "refreshStarted"; readonly reason: RefreshReason }
  | {
      readonly type: "refreshSucceeded";
      readonly reason: RefreshReason;
      readonly durationMs: number;
      readonly expiration: Date;
    }
  | {
      readonly type: "refreshFailed";
      readonly reason: RefreshReason;
      readonly durationMs: number;
      readonly error: unknown;
      readonly failures: number;
      readonly nextRefreshAt: Date;
      readonly servedUntil: Date | undefined;
    }
  | { readonly type: "staleServed"; readonly expiration: Date };

export interface CredentialCacheInit<T extends Expiring, C> {
  /** Gets a new value. Called by one request at a time, with that request's context. */
  readonly acquire: (context: C) => Promise<T>;
  /** How long before the end a refresh is due, in seconds. Default: by the length of the session. */
  readonly refreshAheadSeconds?: number | undefined;
  /** The error for a value that has ended before it arrived. */
  readonly expiredError: (value: T) => Error;
  readonly onEvent?: (event: CacheEvent) => void;
}

export type CredentialCache<T extends Expiring, C> = (context: C, forceRefresh?: boolean) => Promise<T>;

interface Entry<T> {
  readonly value: T;
  readonly wallEnd: number;
  readonly monotonicEnd: number;
  /** Remaining life, in ms, at which a refresh is due, and at which requests wait for it. */
  readonly refreshAt: number;
  readonly waitAt: number;
}

const MINUTE = 60_000;
const RETRY_AFTER_FAILURE = 1_000;
const MAX_BACKOFF = 120_000;
const LEAST_REFRESH_AHEAD = 150_000;

/** AWS's cross-SDK refresh windows: 5 minutes for sessions up to 20, 15 under 90, else 60. */
const defaultRefreshAhead = (life: number): number =>
  life <= 20 * MINUTE ? 5 * MINUTE : life < 90 * MINUTE ? 15 * MINUTE : 60 * MINUTE;

/** The refresh window of a session of `life` ms, less its jitter: pods started together part ways here. */
function jitteredRefreshAhead(life: number, refreshAheadSeconds: number | undefined): number {
  const configured = refreshAheadSeconds === undefined ? defaultRefreshAhead(life) : refreshAheadSeconds * 1_000;
  const ahead = Math.min(configured, life / 2);
  const least = Math.max(ahead / 6, Math.min(LEAST_REFRESH_AHEAD, ahead / 2));
  return ahead - Math.random() * (ahead - least);
}

/** Whichever clock says "expired" first wins, so a jump of the wall clock cannot keep a dead session alive. */
const remaining = (entry: Entry<unknown>): number =>
  Math.min(entry.wallEnd - Date.now(), entry.monotonicEnd - performance.now());

function toEntry<T extends Expiring>(value: T, init: CredentialCacheInit<T, never>): Entry<T> {
  const wallEnd = value.expiration.getTime();
  const life = wallEnd - Date.now();
  if (!(life > 0)) throw init.expiredError(value);
  return {
    value,
    wallEnd,
    monotonicEnd: performance.now() + life,
    refreshAt: jitteredRefreshAhead(life, init.refreshAheadSeconds),
    waitAt: Math.min(MINUTE, life / 4),
  };
}

/**
 * Keeps one value fresh: served at once while it lives, refreshed behind the requests before it ends, one refresh in
 * flight whatever the number of requests. Starts no timer: only requests move it.
 */
export function createCredentialCache<T extends Expiring, C>(init: CredentialCacheInit<T, C>): CredentialCache<T, C> {
  const { acquire, onEvent = () => {} } = init;
  let entry: Entry<T> | undefined;
  let flight: Promise<T> | undefined;
  let failures = 0;
  let failure: { readonly error: unknown; readonly at: number; readonly retryAt: number; stale: boolean } | undefined;

  const live = (): Entry<T> | undefined => (entry && remaining(entry) > 0 ? entry : undefined);

  /** Exponential with full jitter, but never so long that the value would end before a second try. */
  const backoff = (): number => {
    const left = live();
    if (!left) return RETRY_AFTER_FAILURE;
    const maxMs = Math.min(MAX_BACKOFF, remaining(left) / 2);
    return backoffMs(failures + 1, { firstMs: RETRY_AFTER_FAILURE, maxMs, leastMs: RETRY_AFTER_FAILURE });
  };

  const fly = async (context: C, reason: RefreshReason): Promise<T> => {
    const startedAt = performance.now();
    onEvent({ type: "refreshStarted", reason });
    try {
      const fresh = toEntry(await acquire(context), init);
      entry = fresh;
      failures = 0;
      failure = undefined;
      const durationMs = performance.now() - startedAt;
      onEvent({ type: "refreshSucceeded", reason, durationMs, expiration: fresh.value.expiration });
      return fresh.value;
    } catch (error) {
      failures += 1;
      const at = performance.now();
      const wait = backoff();
      failure = { error, at, retryAt: at + wait, stale: false };
      const nextRefreshAt = new Date(Date.now() + wait);
      const servedUntil = live()?.value.expiration;
      onEvent({
        type: "refreshFailed",
        reason,
        durationMs: at - startedAt,
        error,
        failures,
        nextRefreshAt,
        servedUntil,
      });
      throw error;
    }
  };

  const refresh = (context: C, reason: RefreshReason): Promise<T> => {
    if (flight) return flight;
    const mine = fly(context, reason).finally(() => {
      if (flight === mine) flight = undefined;
    });
    mine.catch(() => {});
    flight = mine;
    return mine;
  };

  const serve = (cached: Entry<T>): T => {
    if (failure && !failure.stale) {
      failure.stale = true;
      onEvent({ type: "staleServed", expiration: cached.value.expiration });
    }
    return cached.value;
  };

  /** With nothing left to serve: each request may try, but no more than once a second. */
  const acquireNow = (context: C, reason: RefreshReason): Promise<T> => {
    if (!flight && failure && performance.now() - failure.at < RETRY_AFTER_FAILURE)
      return Promise.reject(failure.error);
    return refresh(context, reason);
  };

  return async (context, forceRefresh = false) => {
    if (forceRefresh) return acquireNow(context, "forced");
    const left = entry ? remaining(entry) : 0;
    if (!entry || left <= 0) return acquireNow(context, entry ? "expiring" : "empty");
    const { value, refreshAt, waitAt } = entry;
    if (left > refreshAt && left > waitAt) return value;

    const backingOff = failure !== undefined && performance.now() < failure.retryAt;
    if (left > waitAt || (backingOff && !flight)) {
      if (!backingOff) refresh(context, "ahead");
      return serve(entry);
    }
    try {
      return await refresh(context, "expiring");
    } catch (error) {
      const cached = live();
      if (!cached) throw error;
      return serve(cached);
    }
  };
}
