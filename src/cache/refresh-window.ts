/** The windows of one session, as remaining life in milliseconds. */
export interface RefreshWindows {
  readonly life: number;
  /** From here on a refresh in the background is due. */
  readonly refreshAt: number;
  /** From here on a request waits for the refresh, but only for a short time. */
  readonly waitAt: number;
  /** From here on a request waits until the refresh has ended. */
  readonly mustWaitAt: number;
}

export interface RefreshWindowInit {
  /** How long before the end a refresh is due, in seconds. Default: by the length of the session. */
  readonly refreshAheadSeconds?: number | undefined;
  /** Refresh also while no request comes. The jitter is then smaller. Default: false. */
  readonly keepFresh?: boolean | undefined;
}

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
/** What the jitter leaves of a window: enough for several tries, where the window is long enough. */
const LEAST_REFRESH_AHEAD = 150 * SECOND;

/** Of AWS's refresh design for all SDKs: https://github.com/aws/aws-sdk-go-v2/blob/main/aws/credential_cache.go */
const defaultRefreshAhead = (life: number): number =>
  life <= 20 * MINUTE ? 5 * MINUTE : life < 90 * MINUTE ? 15 * MINUTE : 60 * MINUTE;

/** Of credentials without an end: asked for again in the background after five minutes, waited for after ten. */
const WITHOUT_END: RefreshWindows = { life: 10 * MINUTE, refreshAt: 5 * MINUTE, waitAt: 0, mustWaitAt: 0 };

/**
 * The windows of a session of `life` milliseconds, undefined for no end. A random part is taken off the refresh window, so
 * that pods that started together do not refresh together. With `keepFresh` at most a third is taken off: the refresh then
 * begins at that very moment, and programs that ask for credentials want a session with a good part of its life left.
 */
export function refreshWindows(
  life: number | undefined,
  { refreshAheadSeconds, keepFresh }: RefreshWindowInit,
): RefreshWindows {
  if (life === undefined) return WITHOUT_END;
  const wanted = refreshAheadSeconds === undefined ? defaultRefreshAhead(life) : refreshAheadSeconds * SECOND;
  const ahead = Math.min(wanted, life / 2);
  const least = keepFresh ? (ahead * 2) / 3 : Math.max(ahead / 6, Math.min(LEAST_REFRESH_AHEAD, ahead / 2));
  const waitAt = Math.min(MINUTE, life / 4);
  const refreshAt = Math.max(waitAt, ahead - Math.random() * (ahead - least));
  return { life, refreshAt, waitAt, mustWaitAt: Math.min(5 * SECOND, waitAt) };
}

/**
 * What a session's remaining life means for a request. `fresh`: it gets the session. `due`: the same, and one refresh runs in
 * the background. `lastMinute`: it waits for the refresh until that is a second old, then gets the session. `lastSeconds`: it
 * waits for the refresh, and gets the session if that fails while the session lives. `none`: it waits for the refresh.
 */
export type Phase = "fresh" | "due" | "lastMinute" | "lastSeconds" | "none";

export function phaseOf(left: number, { refreshAt, waitAt, mustWaitAt }: RefreshWindows): Phase {
  if (left > refreshAt) return "fresh";
  if (left > waitAt) return "due";
  if (left > mustWaitAt) return "lastMinute";
  return left > 0 ? "lastSeconds" : "none";
}
