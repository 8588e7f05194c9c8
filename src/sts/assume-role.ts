import { type IdentityClaims, isRetryable, type Platform } from "../errors/error.js";
import { type Deadline, retry, withTimeout } from "../lib/time.js";
import type { Emit } from "../options/events.js";
import type { ResolvedOptions } from "../options/options.js";
import { type AwsSession, checkSession, type RoleSession } from "./session.js";
import {
  type CallerClientConfig,
  createStsCaller,
  hostSetBy,
  leavesRetriesToSdk,
  loadCredentialProviders,
} from "./sts-client.js";
import { hasNotReachedSts, isRetriedBySdk, reasonToFailOver, toStsError } from "./sts-failure.js";

export interface AssumeRoleRequest extends RoleSession {
  readonly token: string;
  readonly claims: IdentityClaims;
  readonly platform?: Platform | undefined;
  /** Where to call STS, first to last. Empty for an injected role assumer, which knows by itself. */
  readonly regions: readonly string[];
  readonly callerClientConfig: CallerClientConfig | undefined;
  readonly deadline: Deadline;
  /** How many calls of STS the acquisition may still make: over all regions, retries and tokens. Default: MAX_CALLS. */
  readonly calls?: { left: number } | undefined;
}

/** Calls that STS answers in one acquisition, at most. */
export const MAX_CALLS = 6;
/** One call of STS is cut here, so that a retry or another region still has time. */
const CALL_MS = 10_000;
/** How long the region that answered last is called first. */
const REMEMBER_REGION_MS = 10 * 60_000;

/** Makes the function that exchanges a web identity token for an AWS session. Its STS clients last. */
export function createRoleAssumer(options: ResolvedOptions, emit: Emit) {
  const { roleAssumerWithWebIdentity: injected, durationSeconds } = options;
  const callSts = createStsCaller(options);
  const isRetriedHere = !leavesRetriesToSdk(options);
  let last: { readonly region: string; readonly until: number } | undefined;
  const inOrder = (regions: readonly string[]): readonly string[] =>
    last && performance.now() < last.until && regions.includes(last.region)
      ? [...new Set([last.region, ...regions])]
      : regions;

  return async (request: AssumeRoleRequest): Promise<AwsSession> => {
    const { roleArn, roleSessionName, claims, platform, token, regions, callerClientConfig, deadline } = request;
    const { calls = { left: MAX_CALLS } } = request;
    let answered: unknown;

    const call = async (region: string, share: number): Promise<AwsSession> => {
      const ms = isRetriedHere ? Math.min(CALL_MS, share) : share;
      let host: string | undefined;
      const onSend = (sentTo: string): void => {
        host = sentTo;
      };
      const exchange = async (signal: AbortSignal): Promise<AwsSession> => {
        const { fromWebToken } = await loadCredentialProviders();
        const callOurs = (params: object) => callSts({ region, callerClientConfig, signal, onSend }, params);
        const roleAssumerWithWebIdentity = injected ?? callOurs;
        const init = { ...options, roleArn, roleSessionName, webIdentityToken: token, roleAssumerWithWebIdentity };
        const answer = await fromWebToken(init as Parameters<typeof fromWebToken>[0])();
        return checkSession(answer, roleArn);
      };
      try {
        return await withTimeout(ms, exchange);
      } catch (error) {
        const where = injected ? {} : { region, host, hostSetBy: hostSetBy(host, options) };
        const details = { roleArn, ...where, claims, platform, durationSeconds, token };
        const failure = toStsError(error, { ...details, wasSent: injected !== undefined || host !== undefined });
        // A call that never reached STS costs it nothing.
        if (!hasNotReachedSts(failure)) calls.left -= 1;
        if (reasonToFailOver(failure) === undefined) answered = failure;
        throw failure;
      }
    };
    /** Calls each region once, until one answers. Each has an equal share of the time that is left. */
    const callRegions = async (): Promise<AwsSession> => {
      for (let left = inOrder(regions); ; left = left.slice(1)) {
        const [region = "", next] = left;
        try {
          const session = await call(region, deadline.remaining() / (left.length || 1));
          last = { region, until: performance.now() + REMEMBER_REGION_MS };
          return session;
        } catch (error) {
          const code = reasonToFailOver(error);
          if (next === undefined || code === undefined || calls.left === 0) throw error;
          emit({ type: "stsRegionFailover", from: region, to: next, code });
        }
      }
    };
    return retry(callRegions, {
      deadline,
      isRetryable: (error) => isRetryable(error) && calls.left > 0 && (isRetriedHere || !isRetriedBySdk(error)),
      firstMs: 200,
      maxMs: 2_000,
    }).catch((error: unknown) => {
      // A failure that STS gave a code for says more than a later call that got no answer.
      throw answered !== undefined && reasonToFailOver(error) ? answered : error;
    });
  };
}
