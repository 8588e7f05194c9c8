import type { Acquire } from "./acquire-session.js";
import { type CacheEvent, createCredentialCache } from "./cache/credential-cache.js";
import { GkeWorkloadIdentityError, type GkeWorkloadIdentityErrorCode } from "./errors/gke-workload-identity-error.js";
import { isRetryable } from "./errors/is-retryable.js";
import { withTimeout } from "./lib/deadline.js";
import { DEFAULT_DURATION_SECONDS } from "./options/defaults.js";
import { createEmit, type GkeWorkloadIdentityEvent } from "./options/events.js";
import type { FromGkeWorkloadIdentityInit } from "./options/options.js";
import { resolveOptions } from "./options/resolve-options.js";
import type { AwsSession } from "./sts/assume-role.js";
import type { CallerClientConfig } from "./sts/resolve-regions.js";

/** Token and exchange keep to `timeoutMs` themselves and say what they waited for. This limits all other waits: loading. */
const OUTER_SLACK = 1.05;

/** What an AWS SDK client tells the provider when it asks for credentials. */
export interface GkeWorkloadIdentityProperties {
  /** Bypass the cache; joins a pending refresh. */
  readonly forceRefresh?: boolean | undefined;
  /** The asking client's resolved configuration, set by the SDK: its region is where STS is called. */
  // biome-ignore lint/suspicious/noExplicitAny: the SDK's type of this property differs from release to release.
  readonly callerClientConfig?: any;
}

/**
 * A credential provider for `credentials` of any AWS SDK v3 client. Share one between all clients of a process: they
 * then share one session and one refresh.
 */
export interface GkeWorkloadIdentityProvider {
  (properties?: GkeWorkloadIdentityProperties): Promise<AwsSession>;
  /** Tells the SDK that this provider caches by itself: it is asked for each request, and answers from its cache. */
  memoized?: boolean;
}

/**
 * Makes a provider of AWS credentials for a workload on Google Cloud: a Google ID token from the metadata server, or a
 * cluster's token from a file, exchanged at AWS STS for a session of an IAM role, refreshed in the background.
 *
 * Nothing is read or called before the first request; the packages for it are loaded then.
 *
 * @example
 * ```ts
 * import { S3Client } from "@aws-sdk/client-s3";
 * import { fromGkeWorkloadIdentity } from "gke-aws-credentials";
 *
 * const s3 = new S3Client({ region: "ap-northeast-2", credentials: fromGkeWorkloadIdentity() });
 * ```
 *
 * @param init - Options, all optional: `AWS_ROLE_ARN` in the environment is enough.
 * @returns The provider. Its calls reject with {@link GkeWorkloadIdentityError} and with nothing else.
 * @throws {@link GkeWorkloadIdentityError} `INVALID_CONFIGURATION` for an option that is not valid.
 * @see https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html
 */
export function fromGkeWorkloadIdentity(init: FromGkeWorkloadIdentityInit = {}): GkeWorkloadIdentityProvider {
  const options = resolveOptions(init);
  const emit = createEmit(options.onEvent);
  let acquire: Acquire | undefined;
  // Not imported at the top: reading the code of both rooms takes as long as all else here.
  const loadAcquire = async (): Promise<Acquire> => {
    const { createAcquire } = await import("./acquire-session.js");
    acquire ??= createAcquire(options, emit);
    return acquire;
  };
  const cache = createCredentialCache<AwsSession, CallerClientConfig | undefined>({
    acquire: (callerClientConfig, deadline) => {
      let waitsFor: GkeWorkloadIdentityErrorCode = "METADATA_TIMEOUT";
      const onWait = (code: GkeWorkloadIdentityErrorCode): void => {
        waitsFor = code;
      };
      const timedOut = (): Error => {
        const reason = `the call could not be made within timeoutMs, ${options.timeoutMs}.`;
        return new GkeWorkloadIdentityError(waitsFor, { reason });
      };
      const work = async (): Promise<AwsSession> => {
        try {
          const acquireSession = acquire ?? (await loadAcquire());
          return await acquireSession({ callerClientConfig, deadline, onWait });
        } catch (error) {
          throw toOwnError(error, waitsFor);
        }
      };
      return withTimeout(options.timeoutMs * OUTER_SLACK, work, timedOut);
    },
    timeoutMs: options.timeoutMs,
    refreshAheadSeconds: options.refreshAheadSeconds,
    keepFresh: options.keepFresh,
    longestLifeSeconds: options.durationSeconds ?? DEFAULT_DURATION_SECONDS,
    expiredError: ({ expiration }) =>
      new GkeWorkloadIdentityError("STS_INVALID_RESPONSE", {
        reason: `the session ended at ${expiration.toISOString()}, before it arrived; this machine's clock says ${new Date().toISOString()}.`,
      }),
    isRetryable,
    onEvent: (event) => emit(toPublicEvent(event)),
  });

  const provider = (properties?: GkeWorkloadIdentityProperties): Promise<AwsSession> =>
    cache(properties?.callerClientConfig, properties?.forceRefresh === true);
  return Object.assign(provider, { memoized: true });
}

/** What no room expected is still an error of this package. */
function toOwnError(error: unknown, code: GkeWorkloadIdentityErrorCode): GkeWorkloadIdentityError {
  if (error instanceof GkeWorkloadIdentityError) return error;
  const reason = `unexpected failure: ${error instanceof Error ? error.message : String(error)}`;
  return new GkeWorkloadIdentityError(code, { reason }, { cause: error });
}

function toPublicEvent(event: CacheEvent): GkeWorkloadIdentityEvent {
  if (event.type !== "refreshFailed") return event;
  const { error, ...rest } = event;
  const { code, message, hint } = error as GkeWorkloadIdentityError;
  return { ...rest, code, message, hint };
}
