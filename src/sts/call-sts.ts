import type { AwsCredentialIdentity } from "@smithy/types";
import type { Platform } from "../errors/error-codes.js";
import type { IdentityClaims } from "../errors/gke-workload-identity-error.js";
import { type Deadline, TimeoutError, withTimeout } from "../lib/deadline.js";
import type { FromWebTokenInit } from "../options/options.js";
import type { ResolvedOptions } from "../options/resolve-options.js";
import { type AwsSession, checkSession } from "./check-session.js";
import { classifyStsFailure } from "./classify-sts-failure.js";
import { loadCredentialProviders } from "./exchange-packages.js";
import type { CallerClientConfig } from "./resolve-regions.js";
import type { RoleAssumer } from "./sts-client.js";
import type { TakenStsClient } from "./sts-clients.js";

/** How many calls of STS one acquisition may still make: over all regions, retries and tokens. */
export interface CallBudget {
  left: number;
}

export interface AssumeRoleRequest {
  readonly token: string;
  readonly claims: IdentityClaims;
  /** For the hint of a failure. */
  readonly platform?: Platform | undefined;
  readonly roleArn: string;
  readonly roleSessionName: string;
  /** Where to call STS, first to last. Empty for an injected role assumer, which knows by itself. */
  readonly regions: readonly string[];
  readonly callerClientConfig: CallerClientConfig | undefined;
  readonly deadline: Deadline;
  /** Shared by all exchanges of one acquisition. Default: for this exchange alone. */
  readonly calls?: CallBudget | undefined;
}

/** One call of STS. */
export interface StsCall {
  readonly options: ResolvedOptions;
  readonly request: AssumeRoleRequest;
  /** Undefined for an injected role assumer. */
  readonly region: string | undefined;
  readonly takeClient: () => Promise<TakenStsClient>;
  /** The call ends within this time. */
  readonly ms: number;
}

/**
 * Calls STS once.
 *
 * @throws GkeWorkloadIdentityError `STS_*`, or `INVALID_CONFIGURATION` for a parameter that STS refused.
 */
export async function callSts({ options, request, region, takeClient, ms }: StsCall): Promise<AwsSession> {
  const { token, claims, platform, roleArn } = request;
  const { durationSeconds } = options;
  try {
    const { fromWebToken } = await loadCredentialProviders();
    const exchange = (assume: RoleAssumer): Promise<AwsCredentialIdentity> =>
      fromWebToken(toFromWebTokenInit(options, request, assume))();
    return checkSession(await useClient(await takeClient(), exchange, ms), roleArn, region);
  } catch (error) {
    throw classifyStsFailure(error, { roleArn, region, claims, platform, durationSeconds }, token);
  }
}

async function useClient<T>(
  { client, giveBack }: TakenStsClient,
  exchange: (assume: RoleAssumer) => Promise<T>,
  ms: number,
): Promise<T> {
  let isHung = false;
  const onTimeout = (): unknown => {
    isHung = true;
    // Where the SDK retries, STS may have given a reason before the time was over.
    return client.lastFailure() ?? new TimeoutError(`no answer within ${Math.round(ms)} ms.`);
  };
  try {
    return await withTimeout(ms, (signal) => exchange(client.begin(signal)), onTimeout);
  } finally {
    if (!isHung) giveBack();
  }
}

function toFromWebTokenInit(
  { durationSeconds, policy, policyArns, logger }: ResolvedOptions,
  { roleArn, roleSessionName, token }: AssumeRoleRequest,
  assume: RoleAssumer,
): FromWebTokenInit {
  return {
    roleArn,
    roleSessionName,
    webIdentityToken: token,
    roleAssumerWithWebIdentity: assume,
    ...(durationSeconds !== undefined && { durationSeconds }),
    ...(policy !== undefined && { policy }),
    ...(policyArns !== undefined && { policyArns }),
    ...(logger && { logger }),
  };
}
