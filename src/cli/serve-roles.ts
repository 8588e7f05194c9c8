import {
  type AwsSession,
  type FromGkeWorkloadIdentityInit,
  fromGkeWorkloadIdentity,
  type GkeWorkloadIdentityProvider,
} from "../index.js";
import { toMessage } from "./command-error.js";
import type { Roles } from "./credentials-server.js";
import { keepFresh, unlessStopped } from "./keep-fresh.js";

/**
 * Clients ask anew when less than 15 minutes are left (botocore) or 5 (JavaScript): a session is replaced when a third
 * to a half of it is left, which for an hour is 20 to 30 minutes.
 */
const EARLIEST = 1 / 2;
const LATEST = 1 / 3;
const LEAST_WAIT_MS = 5_000;

/** One provider a path. */
export type Providers = ReadonlyMap<string, GkeWorkloadIdentityProvider>;

export const toProviders = (inits: ReadonlyMap<string, FromGkeWorkloadIdentityInit>): Providers =>
  new Map([...inits].map(([path, init]) => [path, fromGkeWorkloadIdentity(init)]));

/** Keeps every provider's session fresh until it is stopped, also when nobody asks, and tells of failures. */
export async function keepRolesFresh(
  providers: Providers,
  stop: AbortSignal,
  log: (text: string) => unknown,
): Promise<void> {
  const keep = (path: string, provider: GkeWorkloadIdentityProvider): Promise<void> => {
    // The first time, what is there already is fresh.
    let forceRefresh = false;
    return keepFresh({
      stop,
      refresh: async () => {
        const session = await unlessStopped(provider({ forceRefresh }), stop);
        forceRefresh = true;
        return waitAfter(session);
      },
      onFailure: (error, ms) => log(`${path}: ${toMessage(error)}\nTrying again in ${Math.ceil(ms / 1_000)} s.\n`),
    });
  };
  await Promise.all([...providers].map(([path, provider]) => keep(path, provider)));
}

function waitAfter({ expiration }: AwsSession): number {
  const left = expiration.getTime() - Date.now();
  return Math.max(LEAST_WAIT_MS, left * (1 - LATEST - Math.random() * (EARLIEST - LATEST)));
}

export const toRoles = (providers: Providers): Roles =>
  new Map([...providers].map(([path, provider]) => [path, () => provider()]));
