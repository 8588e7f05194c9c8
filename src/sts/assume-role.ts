import { isRetryable } from "../errors/gke-workload-identity-error.js";
import { retry } from "../lib/retry.js";
import type { Emit } from "../options/events.js";
import type { ResolvedOptions } from "../options/resolve-options.js";
import { type AssumeRoleRequest, callSts } from "./call-sts.js";
import type { AwsSession } from "./check-session.js";
import { isRetriedBySdk } from "./classify-sts-failure.js";
import { createRegionFailover } from "./region-failover.js";
import { createStsClients } from "./sts-client.js";

export type { AwsSession } from "./check-session.js";

export type AssumeRole = (request: AssumeRoleRequest) => Promise<AwsSession>;

/** One call of STS is cut here, so that a retry or another region still has time. */
const CALL_MS = 10_000;
const MAX_TRIES = 5;
const FIRST_BACKOFF_MS = 200;
const MAX_BACKOFF_MS = 5_000;

/** Room 2: makes the function that exchanges an ID token for an AWS session. Its clients last, one for each region. */
export function createRoleAssumer(options: ResolvedOptions, emit: Emit): AssumeRole {
  const clients = createStsClients(options);
  const callInRegions = createRegionFailover(emit);

  const callOnce = (request: AssumeRoleRequest): Promise<AwsSession> => {
    const call = (region: string | undefined, ms: number): Promise<AwsSession> =>
      callSts({ options, clients, request, region, ms: Math.min(CALL_MS, ms) });
    const { regions, deadline } = request;
    return regions.length === 0 ? call(undefined, deadline.remaining()) : callInRegions(regions, deadline, call);
  };

  /** A user's own retry settings rule what the SDK can retry; what it cannot is still ours. */
  const { maxAttempts, retryStrategy, retryMode } = options.clientConfig ?? {};
  const sdkRetriesAreSet = maxAttempts !== undefined || retryStrategy !== undefined || retryMode !== undefined;

  return (request) =>
    retry(() => callOnce(request), {
      deadline: request.deadline,
      isRetryable: (error) => isRetryable(error) && !(sdkRetriesAreSet && isRetriedBySdk(error)),
      maxTries: MAX_TRIES,
      firstBackoffMs: FIRST_BACKOFF_MS,
      maxBackoffMs: MAX_BACKOFF_MS,
    });
}
