import { GkeWorkloadIdentityError, type GkeWorkloadIdentityErrorCode } from "./errors/gke-workload-identity-error.js";
import type { Deadline } from "./lib/deadline.js";
import type { Emit } from "./options/events.js";
import type { ResolvedOptions } from "./options/resolve-options.js";
import { type AwsSession, createRoleAssumer, startCallBudget } from "./sts/assume-role.js";
import { preloadExchange } from "./sts/exchange-packages.js";
import { type CallerClientConfig, resolveStsRegions } from "./sts/resolve-regions.js";
import { readRoleSession } from "./sts/role-session.js";
import { createGoogleCloudCheck } from "./token/detect-google-cloud.js";
import { skipRefusedTokens } from "./token/refused-tokens.js";
import { findTokenFile } from "./token/token-file.js";
import { createTokenSource } from "./token/token-source.js";

export interface Acquisition {
  readonly callerClientConfig: CallerClientConfig | undefined;
  readonly deadline: Deadline;
  /** Told what is waited for next, as the error that it is when the time is over. */
  readonly onWait: (code: GkeWorkloadIdentityErrorCode) => void;
}

export type Acquire = (acquisition: Acquisition) => Promise<AwsSession>;

/** Makes the function that acquires a session: first the token, then the exchange. */
export function createAcquire(options: ResolvedOptions, emit: Emit): Acquire {
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

const isExpiredToken = (error: unknown): boolean =>
  error instanceof GkeWorkloadIdentityError && error.code === "STS_EXPIRED_TOKEN";
