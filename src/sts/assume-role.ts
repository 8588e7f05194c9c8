import type { AssumeRoleWithWebIdentityCommandInput } from "@aws-sdk/client-sts";
import type { AwsCredentialIdentity } from "@smithy/types";
import { type IdentityClaims, isRetryable, type Platform } from "../errors/error.js";
import { type Deadline, noAnswerWithin, retry, withTimeout } from "../lib/time.js";
import type { Emit } from "../options/events.js";
import type { ResolvedOptions } from "../options/options.js";
import { type CallerClientConfig, createRegionFailover } from "./regions.js";
import { type AwsSession, checkSession, type RoleSession } from "./session.js";
import { createStsCaller, hostSetBy, leavesRetriesToSdk, loadCredentialProviders } from "./sts-client.js";
import { hasNotReachedSts, isRetriedBySdk, reasonToFailOver, toStsError } from "./sts-failure.js";

/** How many calls of STS one acquisition may still make: over all regions, retries and tokens. */
export interface CallBudget {
  left: number;
}

export interface AssumeRoleRequest extends RoleSession {
  readonly token: string;
  readonly claims: IdentityClaims;
  /** For the hint of a failure. */
  readonly platform?: Platform | undefined;
  /** Where to call STS, first to last. Empty for an injected role assumer, which knows by itself. */
  readonly regions: readonly string[];
  readonly callerClientConfig: CallerClientConfig | undefined;
  readonly deadline: Deadline;
  /** Shared by all exchanges of one acquisition. Default: for this exchange alone. */
  readonly calls?: CallBudget | undefined;
}

export type AssumeRole = (request: AssumeRoleRequest) => Promise<AwsSession>;

/** Calls that STS answers in one acquisition, at most. */
export const MAX_CALLS = 6;
/** One call of STS is cut here, so that a retry or another region still has time. */
const CALL_MS = 10_000;

/** Makes the function that exchanges a web identity token for an AWS session. Its STS clients last. */
export function createRoleAssumer(options: ResolvedOptions, emit: Emit): AssumeRole {
  const callSts = createStsCaller(options);
  const callInRegions = createRegionFailover(emit);
  const { roleAssumerWithWebIdentity: injected } = options;
  const isRetriedHere = !leavesRetriesToSdk(options);

  return async (request) => {
    const { roleArn, claims, platform, token, regions, callerClientConfig, deadline } = request;
    const { calls = { left: MAX_CALLS } } = request;

    const call = async (region: string | undefined, share: number): Promise<AwsSession> => {
      const ms = isRetriedHere ? Math.min(CALL_MS, share) : share;
      let host: string | undefined;
      const onSend = (sentTo: string): void => {
        host = sentTo;
      };
      const send = (params: unknown, signal: AbortSignal): Promise<AwsCredentialIdentity> =>
        injected || region === undefined
          ? (injected as NonNullable<typeof injected>)(params as Parameters<NonNullable<typeof injected>>[0])
          : callSts({ region, callerClientConfig, signal, onSend }, params as AssumeRoleWithWebIdentityCommandInput);
      try {
        const session = await withTimeout(
          ms,
          (signal) => exchange(options, request, send, signal),
          () => noAnswerWithin(ms),
        );
        return checkSession(session, roleArn, host);
      } catch (error) {
        const details = { roleArn, region, host, hostSetBy: host && hostSetBy(host, options), claims, platform };
        const wasSent = injected !== undefined || host !== undefined;
        throw toStsError(error, { ...details, durationSeconds: options.durationSeconds, token, wasSent });
      }
    };
    /** Each answer counts. A call that never reached STS costs it nothing. */
    const countedCall = (region: string | undefined, share: number): Promise<AwsSession> =>
      call(region, share).catch((error: unknown) => {
        if (!hasNotReachedSts(error)) calls.left -= 1;
        throw error;
      });
    const callOnce = (): Promise<AwsSession> =>
      injected
        ? countedCall(undefined, deadline.remaining())
        : callInRegions({
            regions,
            deadline,
            call: countedCall,
            reasonToFailOver: (error) => (calls.left > 0 ? reasonToFailOver(error) : undefined),
          });
    // A failure that STS gave a code for says more than a later call that got no answer.
    let answered: unknown;
    const attempt = (): Promise<AwsSession> =>
      callOnce().catch((error: unknown) => {
        if (reasonToFailOver(error) === undefined) answered = error;
        throw error;
      });
    return retry(attempt, {
      deadline,
      isRetryable: (error) => isRetryable(error) && calls.left > 0 && (isRetriedHere || !isRetriedBySdk(error)),
      firstMs: 200,
      maxMs: 5_000,
    }).catch((error: unknown) => {
      throw answered !== undefined && reasonToFailOver(error) ? answered : error;
    });
  };
}

type Send = (params: unknown, signal: AbortSignal) => Promise<AwsCredentialIdentity>;

async function exchange(
  { durationSeconds, policy, policyArns, logger }: ResolvedOptions,
  { roleArn, roleSessionName, token }: AssumeRoleRequest,
  send: Send,
  signal: AbortSignal,
): Promise<AwsCredentialIdentity> {
  const { fromWebToken } = await loadCredentialProviders();
  return fromWebToken({
    roleArn,
    roleSessionName,
    webIdentityToken: token,
    roleAssumerWithWebIdentity: (params) => send(params, signal),
    ...(durationSeconds !== undefined && { durationSeconds }),
    ...(policy !== undefined && { policy }),
    ...(policyArns !== undefined && { policyArns }),
    ...(logger && { logger }),
  })();
}
