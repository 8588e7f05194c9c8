import { isRetryable } from "../errors/is-retryable.js";
import { retry } from "../lib/retry.js";
import type { Emit } from "../options/events.js";
import type { ResolvedOptions } from "../options/resolve-options.js";
import { type AssumeRoleRequest, type CallBudget, callSts } from "./call-sts.js";
import type { AwsSession } from "./check-session.js";
import { isRetriedBySdk, isUnreachable } from "./classify-sts-failure.js";
import { createRegionFailover } from "./region-failover.js";
import { profileOf } from "./resolve-regions.js";
import { type RetryRule, readConfiguredRetryRule, readRetryRule } from "./retry-rule.js";
import { createStsClients, injectedClient, type TakenStsClient } from "./sts-clients.js";

export type { CallBudget } from "./call-sts.js";
export type { AwsSession } from "./check-session.js";

export type AssumeRole = (request: AssumeRoleRequest) => Promise<AwsSession>;

/** Calls of STS in one acquisition, at most. */
const MAX_CALLS = 6;
/** Tries with one token: a call is left for a fresh one. */
const MAX_TRIES = 5;
/** One call of STS is cut here, so that a retry or another region still has time. */
const CALL_MS = 10_000;
const FIRST_BACKOFF_MS = 200;
const MAX_BACKOFF_MS = 5_000;

/** Begins to count the STS calls of one acquisition. */
export const startCallBudget = (): CallBudget => ({ left: MAX_CALLS });

/** Room 2: makes the function that exchanges a web identity token for an AWS session. Its STS clients last. */
export function createRoleAssumer(options: ResolvedOptions, emit: Emit): AssumeRole {
  const clients = createStsClients(options);
  const callInRegions = createRegionFailover(emit);
  const { roleAssumerWithWebIdentity: injected, clientConfig } = options;

  return async (request) => {
    const { regions, callerClientConfig, deadline, calls = startCallBudget() } = request;
    const rule: RetryRule = injected
      ? readConfiguredRetryRule(clientConfig)
      : await readRetryRule(clientConfig, profileOf(clientConfig, callerClientConfig));

    const call = (region: string | undefined, take: () => Promise<TakenStsClient>, share: number) => {
      calls.left -= 1;
      const ms = rule.isOurs ? Math.min(CALL_MS, share) : share;
      return callSts({ options, request, region, takeClient: take, ms });
    };
    const callIn = (region: string, share: number): Promise<AwsSession> =>
      call(region, () => clients.take({ region, maxAttempts: rule.maxAttempts, callerClientConfig }), share);
    const hasCallsLeft = (): boolean => calls.left > 0;
    const callOnce = (): Promise<AwsSession> =>
      injected
        ? call(undefined, async () => injectedClient(injected), deadline.remaining())
        : callInRegions({ regions, deadline, hasCallsLeft, call: callIn });

    return keepAnswer((attempt) =>
      retry(() => attempt(callOnce), {
        deadline,
        isRetryable: (error) => isRetryable(error) && hasCallsLeft() && (rule.isOurs || !isRetriedBySdk(error)),
        maxTries: MAX_TRIES,
        firstBackoffMs: FIRST_BACKOFF_MS,
        maxBackoffMs: MAX_BACKOFF_MS,
      }),
    );
  };
}

/** A failure that STS gave a code for says more than a later call that got no answer: the code is what is reported. */
async function keepAnswer<T>(work: (attempt: (call: () => Promise<T>) => Promise<T>) => Promise<T>): Promise<T> {
  let answer: unknown;
  const attempt = (call: () => Promise<T>): Promise<T> =>
    call().catch((error: unknown) => {
      if (!isUnreachable(error)) answer = error;
      throw error;
    });
  return work(attempt).catch((error: unknown) => {
    throw isUnreachable(error) ? (answer ?? error) : error;
  });
}
