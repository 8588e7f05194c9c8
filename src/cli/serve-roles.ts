import {
  type AwsSession,
  type FromGkeWorkloadIdentityInit,
  fromGkeWorkloadIdentity,
  GkeWorkloadIdentityError,
} from "../index.js";
import { DEFAULT_DURATION_SECONDS } from "../lib/sts-limits.js";
import { keepFresh } from "./keep-fresh.js";
import { type Log, type LogEntry, toMessage } from "./output.js";

/**
 * Clients ask again when less than 15 minutes are left (botocore) or 5 (JavaScript). With this, and what is taken off it
 * at random, a session of an hour is replaced when 20 to 30 minutes are left.
 */
const REFRESH_AHEAD_MS = 1_800_000;
const JITTER = 1 / 3;
const LEAST_WAIT_MS = 1_000;
/** Without a session, between two calls that STS has answered with a failure: at most six calls a minute. */
const LEAST_RETRY_MS = 12_000;
const RETRY_JITTER_MS = 3_000;

export type FreshRole = ReturnType<typeof createFreshRole>;
/** What clients get. */
export type ServedRole = Pick<FreshRole, "session" | "endsAt">;
/** By path: `/`, `/roles/NAME`. */
export type Roles<R = ServedRole> = ReadonlyMap<string, R>;

export interface FreshRoleInit {
  readonly log: Log;
  readonly stop: AbortSignal;
  /** A session to begin with. */
  readonly first?: AwsSession;
}

/** A role whose session is kept fresh until `stop`, also when nobody asks. */
export function createFreshRole(path: string, init: FromGkeWorkloadIdentityInit, { log, stop, first }: FreshRoleInit) {
  let nextRefreshAt = 0;
  const provider = fromGkeWorkloadIdentity({
    ...init,
    // The waits between two calls are those of this file.
    clientConfig: { ...init.clientConfig, maxAttempts: 1 },
    onEvent: (event) => {
      if (event.type === "refreshFailed") nextRefreshAt = event.nextRefreshAt.getTime();
    },
  });
  /** How many refreshes there were, and how many seconds they took. */
  const history = { failuresInARow: 0, succeeded: { count: 0, sum: 0 }, failed: { count: 0, sum: 0 } };
  const role = { path, roleArn: init.roleArn ?? process.env.AWS_ROLE_ARN ?? "" };
  const tell = (entry: LogEntry): void => (stop.aborted ? undefined : log(role, entry));
  let current = { session: first, endsAt: first ? endOf(first, init) : 0 };
  let failure: unknown;
  let pending: Promise<AwsSession> | undefined;

  /** When the session ends, in milliseconds since the epoch; 0 without one. */
  const endsAt = (): number => (current.endsAt > Date.now() ? current.endsAt : 0);

  const refresh = async (): Promise<AwsSession> => {
    const began = performance.now();
    const note = (outcome: "succeeded" | "failed"): void => {
      history.failuresInARow = outcome === "failed" ? history.failuresInARow + 1 : 0;
      history[outcome].count += 1;
      history[outcome].sum += (performance.now() - began) / 1_000;
    };
    const { failuresInARow: failures } = history;
    const session = await provider({ forceRefresh: true }).catch((error: unknown) => {
      failure = error;
      note("failed");
      throw error;
    });
    failure = undefined;
    note("succeeded");
    current = { session, endsAt: endOf(session, init) };
    const after = failures === 0 ? "" : `, after ${failures} ${failures === 1 ? "failure" : "failures"}`;
    const message = `New session until ${session.expiration.toISOString()}${after}.`;
    tell({ severity: "INFO", message, servedUntil: session.expiration });
    return session;
  };
  const refreshOnce = (): Promise<AwsSession> => {
    pending ??= refresh().finally(() => {
      pending = undefined;
    });
    return pending;
  };
  const onFailure = (error: unknown, failures: number): number => {
    const ms = Math.max(endsAt() ? LEAST_WAIT_MS : leastRetryMs(error, failures), nextRefreshAt - Date.now());
    const servedUntil = endsAt() ? new Date(endsAt()) : undefined;
    const severity = servedUntil ? "WARNING" : "ERROR";
    tell({ severity, ...describe(error, failures), servedUntil, nextTryAt: new Date(Date.now() + ms) });
    return ms;
  };
  const msUntilDue = (): number => {
    const left = current.endsAt - Date.now();
    return Math.max(LEAST_WAIT_MS, left - Math.min(REFRESH_AHEAD_MS, left / 2) * (1 - Math.random() * JITTER));
  };
  const firstWaitMs = first ? msUntilDue() : 0;
  const refreshNow = keepFresh({ refresh: () => refreshOnce().then(msUntilDue), onFailure, firstWaitMs, stop });

  /** The session, else the last failure. It asks STS only where there has been no answer yet. */
  const session = async (): Promise<AwsSession> => {
    if (endsAt() && current.session) return current.session;
    if (failure !== undefined) throw failure;
    return refreshOnce();
  };
  return { session, endsAt, history, refreshNow };
}

/** A clock that is behind makes a session look longer than STS made it. */
const endOf = (
  { expiration }: AwsSession,
  { durationSeconds = DEFAULT_DURATION_SECONDS }: FromGkeWorkloadIdentityInit,
) => Math.min(expiration.getTime(), Date.now() + durationSeconds * 1_000);

function leastRetryMs(error: unknown, failures: number): number {
  const isAnswer = error instanceof Error && typeof Reflect.get(Object(error.cause), "status") === "number";
  // The first failure may pass at once. A network that is not up yet costs STS nothing.
  return failures === 1 || !isAnswer ? LEAST_WAIT_MS : LEAST_RETRY_MS + Math.random() * RETRY_JITTER_MS;
}

/** The hint comes with the first failure in a row. */
function describe(error: unknown, failures: number): Pick<LogEntry, "message" | "code" | "hint"> {
  if (!(error instanceof GkeWorkloadIdentityError)) return { message: toMessage(error) };
  const { message, code, hint } = error;
  return failures === 1 ? { message, code, hint } : { message: `${message} Failure ${failures} in a row.`, code };
}
