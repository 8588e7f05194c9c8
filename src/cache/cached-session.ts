import { type Phase, phaseOf, type RefreshWindowInit, type RefreshWindows, refreshWindows } from "./refresh-window.js";

/** What the cache keeps: anything that says when it ends. */
export interface Expiring {
  readonly expiration: Date;
}

/** A session in the cache, with its end on both clocks. */
export interface CachedSession<T> extends RefreshWindows {
  readonly value: T;
  readonly expiration: Date;
  /** The value as each request gets it: one promise for all of them. */
  readonly answer: Promise<T>;
  readonly wallEnd: number;
  readonly monotonicEnd: number;
}

export interface SessionInit extends RefreshWindowInit {
  /** The length that was asked for: no session is served longer than this, whatever its `expiration` says. */
  readonly longestLifeSeconds: number;
}

/**
 * Takes a new session in; undefined where it has ended already.
 *
 * A clock that is behind makes the end look far away, so the session also ends `longestLifeSeconds` after the moment at
 * which its acquisition began. That moment is never later than the real start of the session.
 *
 * @param began - When the acquisition began, on the monotonic clock.
 */
export function toCachedSession<T extends Expiring>(
  value: T,
  began: number,
  init: SessionInit,
): CachedSession<T> | undefined {
  const now = performance.now();
  const { expiration } = value;
  const wallEnd = expiration.getTime();
  const life = Math.min(wallEnd - Date.now(), began + init.longestLifeSeconds * 1_000 - now);
  if (!(life > 0)) return undefined;
  const answer = Promise.resolve(value);
  return { value, expiration, answer, wallEnd, monotonicEnd: now + life, ...refreshWindows(life, init) };
}

/** Whichever clock says "ended" first wins, so that a jump of the wall clock cannot keep a dead session alive. */
export const remainingLife = ({ wallEnd, monotonicEnd }: CachedSession<unknown>): number =>
  Math.min(wallEnd - Date.now(), monotonicEnd - performance.now());

export const phaseOfSession = (session: CachedSession<unknown>): Phase => phaseOf(remainingLife(session), session);
