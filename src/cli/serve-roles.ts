import { type AwsSession, type FromGkeWorkloadIdentityInit, fromGkeWorkloadIdentity } from "../index.js";
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

/** One provider a path, from the roles' own options. */
export const toRoles = (inits: ReadonlyMap<string, FromGkeWorkloadIdentityInit>): ReadonlyMap<string, Provider> =>
  new Map([...inits].map(([path, init]) => [path, fromGkeWorkloadIdentity(init)]));

type Provider = ReturnType<typeof fromGkeWorkloadIdentity>;

/** Keeps every role's session fresh until it is stopped, also when nobody asks, and tells of failures. */
export async function keepRolesFresh(
  roles: ReadonlyMap<string, Provider>,
  stop: AbortSignal,
  log: (text: string) => unknown,
): Promise<void> {
  const keep = (path: string, provider: Provider): Promise<void> =>
    keepFresh({
      stop,
      refresh: async () => waitAfter(await unlessStopped(provider({ forceRefresh: true }), stop)),
      onFailure: (error, ms) => log(`${path}: ${toMessage(error)}\nTrying again in ${Math.ceil(ms / 1_000)} s.\n`),
    });
  await Promise.all([...roles].map(([path, provider]) => keep(path, provider)));
}

function waitAfter({ expiration }: AwsSession): number {
  const left = expiration.getTime() - Date.now();
  return Math.max(LEAST_WAIT_MS, left * (1 - LATEST - Math.random() * (EARLIEST - LATEST)));
}

export const asRoles = (roles: ReadonlyMap<string, Provider>): Roles =>
  new Map([...roles].map(([path, provider]) => [path, () => provider()]));
