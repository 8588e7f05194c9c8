import {
  type FromGkeWorkloadIdentityInit,
  fromGkeWorkloadIdentity,
  type GkeWorkloadIdentityEvent,
  type GkeWorkloadIdentityProvider,
  type RefreshFailedEvent,
} from "../index.js";
import { toMessage } from "./command-error.js";
import type { Roles } from "./credentials-server.js";

/**
 * Clients ask again when less than 15 minutes are left (botocore) or 5 (JavaScript). With this, and what is taken off it
 * at random, a session of an hour is replaced when 20 to 30 minutes are left.
 */
const REFRESH_AHEAD_SECONDS = 1_800;

export interface FreshRole {
  readonly provider: GkeWorkloadIdentityProvider;
  /** Gets the first session; resolves when there is one, or when that has failed and was told. */
  readonly start: () => Promise<void>;
}

/**
 * A provider whose session is kept fresh also when nobody asks. Each failure is told, the first one with its hint, and
 * their end once, until `stop`.
 */
export function createFreshRole(
  name: string,
  init: FromGkeWorkloadIdentityInit,
  { log, stop }: { readonly log: (text: string) => unknown; readonly stop: AbortSignal },
): FreshRole {
  let isStarted = false;
  let failure: RefreshFailedEvent | undefined;
  const tell = (message: string): void => {
    if (!stop.aborted) log(`${name}: ${message}\n${failure ? describeWait(failure) : ""}`);
  };
  const onEvent = (event: GkeWorkloadIdentityEvent): void => {
    init.onEvent?.(event);
    if (event.type === "refreshFailed") {
      failure = event;
      if (isStarted) tell(`${event.code}: ${event.message}`);
    }
    if (event.type === "refreshSucceeded") {
      const { failures } = failure ?? {};
      failure = undefined;
      if (failures)
        tell(
          `new session until ${event.expiration.toISOString()}, after ${failures} ${failures === 1 ? "failure" : "failures"}.`,
        );
    }
  };
  const options = { ...init, onEvent, keepFresh: true, refreshAheadSeconds: REFRESH_AHEAD_SECONDS };
  const provider = fromGkeWorkloadIdentity(options);
  const start = (): Promise<void> =>
    provider().then(
      () => {
        isStarted = true;
      },
      (error: unknown) => {
        isStarted = true;
        tell(toMessage(error));
      },
    );
  return { provider, start };
}

function describeWait({ failures, nextRefreshAt, servedUntil }: RefreshFailedEvent): string {
  const seconds = Math.max(1, Math.ceil((nextRefreshAt.getTime() - Date.now()) / 1_000));
  const served = servedUntil ? ` The old session is served until ${servedUntil.toISOString()}.` : "";
  return `Failure ${failures} in a row.${served} Trying again in ${seconds} s.\n`;
}

export const toRoles = (roles: ReadonlyMap<string, FreshRole>): Roles =>
  new Map([...roles].map(([path, { provider }]) => [path, () => provider()]));
