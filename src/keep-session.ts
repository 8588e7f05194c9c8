import { createAcquire } from "./acquire-session.js";
import { type CacheEvent, type CredentialCache, createCredentialCache } from "./cache/credential-cache.js";
import { createError } from "./errors/create-error.js";
import { GkeWorkloadIdentityError, type GkeWorkloadIdentityErrorCode } from "./errors/gke-workload-identity-error.js";
import { isRetryable } from "./errors/is-retryable.js";
import { withTimeout } from "./lib/deadline.js";
import { DEFAULT_DURATION_SECONDS } from "./options/defaults.js";
import { createEmit, type GkeWorkloadIdentityEvent } from "./options/events.js";
import type { ResolvedOptions } from "./options/resolve-options.js";
import type { AwsSession } from "./sts/assume-role.js";
import type { CallerClientConfig } from "./sts/resolve-regions.js";
import { findPlatform } from "./token/find-platform.js";

/** Token and exchange keep to `timeoutMs` themselves and say what they waited for. This limits all other waits: loading. */
const OUTER_SLACK = 1.05;
const TIMED_OUT = Symbol("timed out");

/** Gives the session that is there, or waits for one. */
export type KeptSession = CredentialCache<AwsSession, CallerClientConfig | undefined>;

/** Puts the rooms together: acquires a session at the first request and keeps it fresh. Loaded at that request. */
export function keepSession(options: ResolvedOptions): KeptSession {
  const emit = createEmit(options.onEvent);
  const acquireSession = createAcquire(options, emit);
  return createCredentialCache<AwsSession, CallerClientConfig | undefined>({
    acquire: async (callerClientConfig, deadline) => {
      let waitsFor: GkeWorkloadIdentityErrorCode = "METADATA_TIMEOUT";
      const onWait = (code: GkeWorkloadIdentityErrorCode): void => {
        waitsFor = code;
      };
      const work = (): Promise<AwsSession> => acquireSession({ callerClientConfig, deadline, onWait });
      try {
        return await withTimeout(options.timeoutMs * OUTER_SLACK, work, () => TIMED_OUT);
      } catch (error) {
        if (error !== TIMED_OUT) throw toOwnError(error, waitsFor);
        const reason = `the call could not be made within timeoutMs, ${options.timeoutMs}.`;
        throw createError(waitsFor, {
          reason,
          platform: options.idTokenProvider ? undefined : await findPlatform(),
        });
      }
    },
    timeoutMs: options.timeoutMs,
    refreshAheadSeconds: options.refreshAheadSeconds,
    keepFresh: options.keepFresh,
    longestLifeSeconds: options.durationSeconds ?? DEFAULT_DURATION_SECONDS,
    expiredError: ({ expiration }) =>
      createError("STS_INVALID_RESPONSE", {
        reason: `the session ended at ${expiration.toISOString()}, before it arrived; this machine's clock says ${new Date().toISOString()}.`,
      }),
    isRetryable,
    onEvent: (event) => emit(toPublicEvent(event)),
  });
}

/** What no room expected is still an error of this package. */
function toOwnError(error: unknown, code: GkeWorkloadIdentityErrorCode): GkeWorkloadIdentityError {
  if (error instanceof GkeWorkloadIdentityError) return error;
  const reason = `unexpected failure: ${error instanceof Error ? error.message : String(error)}`;
  return createError(code, { reason }, { cause: error });
}

function toPublicEvent(event: CacheEvent): GkeWorkloadIdentityEvent {
  if (event.type !== "refreshFailed") return event;
  const { error, ...rest } = event;
  const { code, message, hint } = error as GkeWorkloadIdentityError;
  return { ...rest, code, message, hint };
}
