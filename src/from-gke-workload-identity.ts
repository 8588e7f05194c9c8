import type { AwsCredentialIdentity, AwsCredentialIdentityProvider } from "@smithy/types";
import { createAcquire } from "./acquire-session.js";
import { type CacheEvent, createCredentialCache } from "./cache/credential-cache.js";
import { createError } from "./errors/create-error.js";
import { copyError, GkeWorkloadIdentityError, type GkeWorkloadIdentityErrorCode } from "./errors/error.js";
import { describeFailure } from "./lib/failure.js";
import { DEFAULT_DURATION_SECONDS } from "./lib/sts-limits.js";
import { type Deadline, withTimeout } from "./lib/time.js";
import { createEmit, type EventWithoutRole } from "./options/events.js";
import { resolveOptions } from "./options/option-rules.js";
import type { FromGkeWorkloadIdentityInit } from "./options/options.js";
import { type AwsSession, endedSession, roleArnOf } from "./sts/session.js";
import type { CallerClientConfig } from "./sts/sts-client.js";
import { isOfCallingClient } from "./sts/sts-failure.js";
import { metadataHostVariables } from "./token/metadata.js";

/** What an AWS SDK client tells the provider when it asks for credentials. */
export interface GkeWorkloadIdentityProperties {
  /** Bypass the cache: for a revoked session. Joins a pending refresh. Soon after a failure, rejects with that again. */
  readonly forceRefresh?: boolean | undefined;
  /** The asking client's resolved configuration, set by the SDK: its region is where STS is called. */
  // biome-ignore lint/suspicious/noExplicitAny: the SDK's type of this property differs from release to release.
  readonly callerClientConfig?: any;
}

/**
 * A credential provider for `credentials` of any AWS SDK v3 client. Share one between all clients of a process: they
 * then share one session and one refresh. With a `fallback`, its credentials may have no `expiration`.
 */
export interface GkeWorkloadIdentityProvider<T extends AwsCredentialIdentity = AwsSession> {
  (properties?: GkeWorkloadIdentityProperties): Promise<T>;
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
 * @throws {@link GkeWorkloadIdentityError} `INVALID_CONFIGURATION` for an option that is unknown or not valid.
 * @see https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html
 */
export function fromGkeWorkloadIdentity(
  init: FromGkeWorkloadIdentityInit & { readonly fallback: AwsCredentialIdentityProvider },
): GkeWorkloadIdentityProvider<AwsCredentialIdentity>;
export function fromGkeWorkloadIdentity(init?: FromGkeWorkloadIdentityInit): GkeWorkloadIdentityProvider;
export function fromGkeWorkloadIdentity(
  init: FromGkeWorkloadIdentityInit = {},
): GkeWorkloadIdentityProvider<AwsCredentialIdentity> {
  const options = resolveOptions(init);
  const { timeoutMs, refreshAheadSeconds, keepFresh, durationSeconds = DEFAULT_DURATION_SECONDS } = options;
  const emit = createEmit(options.onEvent, () => roleArnOf(options));
  const acquireSession = createAcquire(options, emit);
  const timeoutError = (deadline: Deadline | undefined): GkeWorkloadIdentityError =>
    createError(codeOf(deadline), {
      reason: `no answer within timeoutMs, ${timeoutMs} ms`,
      ...(options.idTokenProvider && { tokenSource: "The idTokenProvider" }),
      metadataVariables: metadataHostVariables(),
    });

  const cachedSession = createCredentialCache<AwsCredentialIdentity, CallerClientConfig | undefined>({
    acquire: async (callerClientConfig, deadline, failures, onConnect) => {
      deadline.waitsFor = "METADATA_TIMEOUT";
      const work = (): Promise<AwsCredentialIdentity> =>
        acquireSession({ callerClientConfig, deadline, failures, onConnect });
      try {
        // Token and exchange keep to the deadline themselves. This limits all other waits, such as that for a package.
        return await withTimeout(timeoutMs * 1.05, work, () => timeoutError(deadline));
      } catch (error) {
        throw toOwnError(error, codeOf(deadline));
      }
    },
    timeoutMs,
    refreshAheadSeconds,
    keepFresh,
    longestLifeSeconds: durationSeconds,
    expiredError: endedSession,
    timeoutError,
    isSameClient: (a, b) => a?.requestHandler === b?.requestHandler && a?.region === b?.region,
    isOfClient: isOfCallingClient,
    copyError,
    onEvent: (event) => emit(toPublicEvent(event)),
  });
  const provider = (properties?: GkeWorkloadIdentityProperties): Promise<AwsCredentialIdentity> =>
    cachedSession(properties?.callerClientConfig, properties?.forceRefresh === true);
  return Object.assign(provider, { memoized: true });
}

const codeOf = (deadline: Deadline | undefined): GkeWorkloadIdentityErrorCode =>
  (deadline?.waitsFor ?? "STS_UNREACHABLE") as GkeWorkloadIdentityErrorCode;

/** What nobody expected is still an error of this package. */
function toOwnError(error: unknown, code: GkeWorkloadIdentityErrorCode): GkeWorkloadIdentityError {
  if (error instanceof GkeWorkloadIdentityError) return error;
  return createError(code, { reason: `unexpected failure: ${describeFailure(error).text}` }, { cause: error });
}

function toPublicEvent(event: CacheEvent): EventWithoutRole {
  if (!("error" in event)) return event;
  const { error, ...rest } = event;
  const { code, message, hint } = error as GkeWorkloadIdentityError;
  return { ...rest, code, message, hint };
}
