import type { AwsCredentialIdentity } from "@smithy/types";
import { GkeWorkloadIdentityError, type IdentityClaims, isRetryable } from "../errors/gke-workload-identity-error.js";
import { type Deadline, TimeoutError, withTimeout } from "../lib/deadline.js";
import { load } from "../lib/import-package.js";
import { retry } from "../lib/retry.js";
import { parseRoleArn } from "../lib/role-arn.js";
import type { Emit } from "../options/events.js";
import type { FromWebTokenInit } from "../options/options.js";
import type { ResolvedOptions } from "../options/resolve-options.js";
import { classifyStsFailure, isRetriedBySdk, passesToNextRegion } from "./classify-sts-failure.js";
import type { CallerClientConfig } from "./resolve-regions.js";
import { createStsRoleAssumer, type EndableRoleAssumer } from "./sts-client.js";

/** An AWS session: credentials that end. */
export type AwsSession = AwsCredentialIdentity & {
  /** When the session ends; requests signed with it are refused from then on. */
  readonly expiration: Date;
};

export interface AssumeRoleRequest {
  readonly token: string;
  readonly claims: IdentityClaims;
  readonly roleArn: string;
  readonly roleSessionName: string;
  /** Where to call STS, first to last. Empty for an injected role assumer, which knows by itself. */
  readonly regions: readonly string[];
  readonly callerClientConfig: CallerClientConfig | undefined;
  readonly deadline: Deadline;
}

export type AssumeRole = (request: AssumeRoleRequest) => Promise<AwsSession>;

/** One call of STS, the SDK's own retries included, is cut here, so that a retry or another region still has time. */
const CALL_MS = 10_000;
const MAX_TRIES = 5;
const FIRST_BACKOFF_MS = 200;
const MAX_BACKOFF_MS = 5_000;
/** How long the region that answered after a failover is asked first. */
const REMEMBER_REGION_MS = 10 * 60_000;

/** Room 2: makes the function that exchanges an ID token for an AWS session. */
export function createRoleAssumer(options: ResolvedOptions, emit: Emit): AssumeRole {
  const assumers = new Map<string, EndableRoleAssumer>();
  let answered: { readonly region: string; readonly until: number } | undefined;

  const assumerOf = async (region: string, caller: CallerClientConfig | undefined): Promise<EndableRoleAssumer> => {
    const known = assumers.get(region);
    if (known) return known;
    const made = await createStsRoleAssumer(options, region, caller);
    assumers.set(region, made);
    return made;
  };

  const callOnce = async (request: AssumeRoleRequest, region: string | undefined, ms: number): Promise<AwsSession> => {
    const { token, claims, roleArn, roleSessionName } = request;
    const { durationSeconds, policy, policyArns, logger } = options;
    const timedOut = (): Error => {
      // A connection that hung is not used again, and what still runs on it keeps its ended signal.
      if (region !== undefined) assumers.delete(region);
      const cause = new TimeoutError(`no answer within ${Math.round(ms)} ms.`);
      return new GkeWorkloadIdentityError("STS_UNREACHABLE", { region, reason: cause.message }, { cause });
    };
    try {
      const { fromWebToken } = await load(import("@aws-sdk/credential-providers"));
      const own = region === undefined ? undefined : await assumerOf(region, request.callerClientConfig);
      const assume = options.roleAssumerWithWebIdentity ?? own?.assume;
      const init: FromWebTokenInit = {
        roleArn,
        roleSessionName,
        webIdentityToken: token,
        ...(assume && { roleAssumerWithWebIdentity: assume }),
        ...(durationSeconds !== undefined && { durationSeconds }),
        ...(policy !== undefined && { policy }),
        ...(policyArns !== undefined && { policyArns }),
        ...(logger && { logger }),
      };
      const credentials = await withTimeout(
        ms,
        (signal) => {
          own?.endWith(signal);
          return fromWebToken(init)();
        },
        timedOut,
      );
      return checkSession(credentials, roleArn, region);
    } catch (error) {
      throw classifyStsFailure(error, { roleArn, region, claims, durationSeconds }, token);
    }
  };

  const regionsInOrder = (regions: readonly string[]): readonly string[] => {
    const first = answered && performance.now() < answered.until ? answered.region : undefined;
    return first && regions.includes(first) ? [first, ...regions.filter((region) => region !== first)] : regions;
  };

  /** Each region once, until one answers or refuses. */
  const callRegions = async (request: AssumeRoleRequest): Promise<AwsSession> => {
    const regions = regionsInOrder(request.regions);
    for (let index = 0; ; index += 1) {
      const region = regions[index];
      const next = regions[index + 1];
      const share = request.deadline.remaining() / Math.max(1, regions.length - index);
      try {
        const session = await callOnce(request, region, Math.min(CALL_MS, share));
        if (region !== undefined) answered = { region, until: performance.now() + REMEMBER_REGION_MS };
        return session;
      } catch (error) {
        if (region === undefined || next === undefined || !passesToNextRegion(error)) throw error;
        emit({ type: "stsRegionFailover", from: region, to: next, code: error.code });
      }
    }
  };

  /** A user's own retry settings rule what the SDK can retry; what it cannot is still ours. */
  const { maxAttempts, retryStrategy, retryMode } = options.clientConfig ?? {};
  const sdkRetriesAreSet = maxAttempts !== undefined || retryStrategy !== undefined || retryMode !== undefined;

  return (request) =>
    retry(() => callRegions(request), {
      deadline: request.deadline,
      isRetryable: (error) => isRetryable(error) && !(sdkRetriesAreSet && isRetriedBySdk(error)),
      maxTries: MAX_TRIES,
      firstBackoffMs: FIRST_BACKOFF_MS,
      maxBackoffMs: MAX_BACKOFF_MS,
    });
}

/** Refuses an answer without a whole session in it, and adds the account id where STS's answer left it out. */
function checkSession(credentials: AwsCredentialIdentity, roleArn: string, region: string | undefined): AwsSession {
  const { accessKeyId, secretAccessKey, sessionToken, expiration } = Object(
    credentials,
  ) as Partial<AwsCredentialIdentity>;
  const missing = Object.entries({ accessKeyId, secretAccessKey, sessionToken }).find(([, value]) => !value)?.[0];
  if (missing !== undefined || !(expiration instanceof Date) || Number.isNaN(expiration.getTime())) {
    const reason = `the answer has no ${missing ?? "valid expiration"}.`;
    throw new GkeWorkloadIdentityError("STS_INVALID_RESPONSE", { region, reason });
  }
  const accountId = credentials.accountId || parseRoleArn(roleArn)?.accountId;
  return { ...credentials, expiration, ...(accountId && { accountId }) };
}
