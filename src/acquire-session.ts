import type { AwsCredentialIdentity, AwsCredentialIdentityProvider } from "@smithy/types";
import { createError } from "./errors/create-error.js";
import { GkeWorkloadIdentityError, type GkeWorkloadIdentityErrorCode } from "./errors/error.js";
import { describeFailure, isTransient } from "./lib/failure.js";
import { type Deadline, startDeadline, withTimeout } from "./lib/time.js";
import type { Emit } from "./options/events.js";
import type { ResolvedOptions } from "./options/options.js";
import { createRoleAssumer, MAX_CALLS } from "./sts/assume-role.js";
import { resolveStsRegions } from "./sts/regions.js";
import { type AwsSession, readRoleSession } from "./sts/session.js";
import { type CallerClientConfig, preloadExchange } from "./sts/sts-client.js";
import { createGoogleCloudCheck } from "./token/google-cloud.js";
import { findTokenFile } from "./token/token-file.js";
import { createTokenSource, skipRefusedTokens } from "./token/token-source.js";

export interface Acquisition {
  readonly callerClientConfig: CallerClientConfig | undefined;
  readonly deadline: Deadline;
  readonly failures: number;
  readonly onConnect: () => void;
}

/** Makes the function that acquires a session: first the token, then the exchange. Off Google Cloud it asks the `fallback`. */
export function createAcquire(options: ResolvedOptions, emit: Emit) {
  const { fallback } = options;
  const acquire = createGoogleAcquire(options, emit);
  return (acquisition: Acquisition): Promise<AwsCredentialIdentity> =>
    acquire(acquisition).catch((error: unknown) => {
      if (!(fallback && error instanceof GkeWorkloadIdentityError && error.tryNextLink)) throw error;
      return askFallback(fallback, acquisition).catch((failure: unknown) => {
        // A metadata server that is likely to be there, and did not answer, is the failure to look at.
        throw hasCode(error, "NOT_ON_GOOGLE_CLOUD") ? failure : error;
      });
    });
}

async function askFallback(fallback: AwsCredentialIdentityProvider, { callerClientConfig, deadline }: Acquisition) {
  const ms = deadline.remaining();
  const ask = async (): Promise<AwsCredentialIdentity> => fallback({ callerClientConfig } as object);
  try {
    const found = await withTimeout(ms, ask);
    const { accessKeyId, secretAccessKey, expiration } = Object(found) as Partial<AwsCredentialIdentity>;
    if (!accessKeyId || !secretAccessKey) throw new Error("its answer has no access key");
    if (expiration !== undefined && !(expiration.getTime() > Date.now())) throw new Error("its session has ended");
    return found;
  } catch (cause) {
    const reason = `the fallback gave no credentials: ${describeFailure(cause).text}`;
    throw createError("NOT_ON_GOOGLE_CLOUD", { reason, retryable: isTransient(cause) }, { cause });
  }
}

function createGoogleAcquire(options: ResolvedOptions, emit: Emit): (acquisition: Acquisition) => Promise<AwsSession> {
  const requireGoogleCloud = createGoogleCloudCheck();
  const tokens = skipRefusedTokens(createTokenSource(options));
  const assumeRole = createRoleAssumer(options, emit);
  const isInjected = options.roleAssumerWithWebIdentity !== undefined;

  return async ({ callerClientConfig, deadline, failures, onConnect }) => {
    // First, so that a chain goes on where there is neither Google Cloud nor a role configured.
    const tokenFile = findTokenFile(options);
    if (tokenFile === undefined && !options.idTokenProvider)
      // Half of the time is left for the fallback.
      await requireGoogleCloud(options.fallback ? startDeadline(deadline.remaining() / 2) : deadline);
    const roleSession = readRoleSession(options);
    deadline.waitsFor = "STS_UNREACHABLE";
    const regions = isInjected ? [] : await resolveStsRegions({ ...options, ...roleSession, callerClientConfig, emit });
    // After a failure one call of each region is enough: another acquisition follows.
    const calls = { left: failures === 0 ? MAX_CALLS : Math.max(1, regions.length) };
    const exchange = async (isLast = false): Promise<AwsSession> => {
      deadline.waitsFor = tokenFile === undefined ? "METADATA_TIMEOUT" : "WEB_IDENTITY_TOKEN_FILE_UNREADABLE";
      const pendingToken = tokens.fetch(deadline);
      // On the next turn of the event loop, when the request for the token is on its way: loading takes long.
      if (!isInjected) setImmediate(preloadExchange);
      const webIdentityToken = await pendingToken;
      deadline.waitsFor = "STS_UNREACHABLE";
      if (!isInjected) await preloadExchange();
      onConnect();
      try {
        return await assumeRole({ ...webIdentityToken, ...roleSession, regions, callerClientConfig, deadline, calls });
      } catch (error) {
        if (!hasCode(error, "STS_EXPIRED_TOKEN")) throw error;
        tokens.refuse(webIdentityToken.token);
        if (isLast || calls.left === 0) throw error;
        return exchange(true);
      }
    };
    return exchange();
  };
}

const hasCode = (error: unknown, code: GkeWorkloadIdentityErrorCode): boolean =>
  error instanceof GkeWorkloadIdentityError && error.code === code;
