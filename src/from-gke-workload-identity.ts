import { type CacheEvent, createCredentialCache } from "./cache/credential-cache.js";
import { GkeWorkloadIdentityError, type GkeWorkloadIdentityErrorCode } from "./errors/gke-workload-identity-error.js";
import { type Deadline, withTimeout } from "./lib/deadline.js";
import { DEFAULT_DURATION_SECONDS } from "./options/defaults.js";
import { createEmit, type Emit, type GkeWorkloadIdentityEvent } from "./options/events.js";
import type { FromGkeWorkloadIdentityInit } from "./options/options.js";
import { type ResolvedOptions, resolveOptions } from "./options/resolve-options.js";
import { type AwsSession, createRoleAssumer, startCallBudget } from "./sts/assume-role.js";
import { preloadExchange } from "./sts/exchange-packages.js";
import { type CallerClientConfig, resolveStsRegions } from "./sts/resolve-regions.js";
import { readRoleSession } from "./sts/role-session.js";
import { createGoogleCloudCheck } from "./token/detect-google-cloud.js";
import { skipRefusedTokens } from "./token/refused-tokens.js";
import { findTokenFile } from "./token/token-file.js";
import { createTokenSource } from "./token/token-source.js";

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
  const acquire = createAcquisition(options, emit);
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
          return await acquire({ callerClientConfig, deadline, onWait });
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
    onEvent: (event) => emit(toPublicEvent(event)),
  });

  const provider = (properties?: GkeWorkloadIdentityProperties): Promise<AwsSession> =>
    cache(properties?.callerClientConfig, properties?.forceRefresh === true);
  return Object.assign(provider, { memoized: true });
}

interface Acquisition {
  readonly callerClientConfig: CallerClientConfig | undefined;
  readonly deadline: Deadline;
  /** Told what is waited for next, as the error that it is when the time is over. */
  readonly onWait: (code: GkeWorkloadIdentityErrorCode) => void;
}

/** Token, then exchange. */
function createAcquisition(options: ResolvedOptions, emit: Emit): (acquisition: Acquisition) => Promise<AwsSession> {
  const requireGoogleCloud = createGoogleCloudCheck();
  const tokens = skipRefusedTokens(createTokenSource(options));
  const assumeRole = createRoleAssumer(options, emit);

  return async ({ callerClientConfig, deadline, onWait }) => {
    // First, so that a chain goes on where there is neither Google Cloud nor a role configured.
    const tokenFile = findTokenFile(options);
    if (tokenFile === undefined && !options.idTokenProvider) await requireGoogleCloud(deadline);
    const roleSession = readRoleSession(options);
    onWait("STS_UNREACHABLE");
    const regions = options.roleAssumerWithWebIdentity
      ? []
      : await resolveStsRegions({ ...options, roleArn: roleSession.roleArn, callerClientConfig, emit });
    const calls = startCallBudget();
    const exchange = async (): Promise<AwsSession> => {
      onWait(tokenFile === undefined ? "METADATA_TIMEOUT" : "WEB_IDENTITY_TOKEN_FILE_UNREADABLE");
      const pendingToken = tokens.fetch(deadline);
      // On the next turn of the event loop, when the request for the token is on its way: loading takes long.
      if (!options.roleAssumerWithWebIdentity) setImmediate(preloadExchange);
      const webIdentityToken = await pendingToken;
      onWait("STS_UNREACHABLE");
      try {
        return await assumeRole({ ...webIdentityToken, ...roleSession, regions, callerClientConfig, deadline, calls });
      } catch (error) {
        if (isExpiredToken(error)) tokens.refuse(webIdentityToken.token);
        throw error;
      }
    };
    try {
      return await exchange();
    } catch (error) {
      if (!isExpiredToken(error) || calls.left === 0) throw error;
      return exchange();
    }
  };
}

/** What no room expected is still an error of this package. */
function toOwnError(error: unknown, code: GkeWorkloadIdentityErrorCode): GkeWorkloadIdentityError {
  if (error instanceof GkeWorkloadIdentityError) return error;
  const reason = `unexpected failure: ${error instanceof Error ? error.message : String(error)}`;
  return new GkeWorkloadIdentityError(code, { reason }, { cause: error });
}

const isExpiredToken = (error: unknown): boolean =>
  error instanceof GkeWorkloadIdentityError && error.code === "STS_EXPIRED_TOKEN";

function toPublicEvent(event: CacheEvent): GkeWorkloadIdentityEvent {
  if (event.type !== "refreshFailed") return event;
  const { error, ...rest } = event;
  const { code, message } = error as GkeWorkloadIdentityError;
  return { ...rest, code, message };
}
