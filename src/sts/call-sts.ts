import type { AwsCredentialIdentity } from "@smithy/types";
import { GkeWorkloadIdentityError, type IdentityClaims } from "../errors/gke-workload-identity-error.js";
import { type Deadline, TimeoutError, withTimeout } from "../lib/deadline.js";
import type { FromWebTokenInit } from "../options/options.js";
import type { ResolvedOptions } from "../options/resolve-options.js";
import { type AwsSession, checkSession } from "./check-session.js";
import { classifyStsFailure } from "./classify-sts-failure.js";
import { loadCredentialProviders } from "./exchange-packages.js";
import type { CallerClientConfig } from "./resolve-regions.js";
import type { StsClients } from "./sts-client.js";

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

/** One call of STS, in one region. It ends within `ms`. */
export interface StsCall {
  readonly options: ResolvedOptions;
  readonly clients: StsClients;
  readonly request: AssumeRoleRequest;
  /** Undefined for an injected role assumer. */
  readonly region: string | undefined;
  readonly ms: number;
}

/**
 * Calls STS once.
 *
 * @throws GkeWorkloadIdentityError `STS_*`, or `INVALID_CONFIGURATION` for a parameter that STS refused.
 */
export async function callSts({ options, clients, request, region, ms }: StsCall): Promise<AwsSession> {
  const { token, claims, roleArn } = request;
  const { durationSeconds } = options;
  const timedOut = (): Error => {
    // A connection that hung is not used again.
    if (region !== undefined) clients.drop(region);
    const cause = new TimeoutError(`no answer within ${Math.round(ms)} ms.`);
    return new GkeWorkloadIdentityError("STS_UNREACHABLE", { region, reason: cause.message }, { cause });
  };
  try {
    const { fromWebToken } = await loadCredentialProviders();
    const own = region === undefined ? undefined : await clients.get(region, request.callerClientConfig);
    const assume = options.roleAssumerWithWebIdentity ?? own?.assume;
    const exchange = fromWebToken(toFromWebTokenInit(options, request, assume));
    const credentials = await withTimeout<AwsCredentialIdentity>(
      ms,
      (signal) => {
        own?.endWith(signal);
        return exchange();
      },
      timedOut,
    );
    return checkSession(credentials, roleArn, region);
  } catch (error) {
    throw classifyStsFailure(error, { roleArn, region, claims, durationSeconds }, token);
  }
}

function toFromWebTokenInit(
  { durationSeconds, policy, policyArns, logger }: ResolvedOptions,
  { roleArn, roleSessionName, token }: AssumeRoleRequest,
  assume: FromWebTokenInit["roleAssumerWithWebIdentity"],
): FromWebTokenInit {
  return {
    roleArn,
    roleSessionName,
    webIdentityToken: token,
    ...(assume && { roleAssumerWithWebIdentity: assume }),
    ...(durationSeconds !== undefined && { durationSeconds }),
    ...(policy !== undefined && { policy }),
    ...(policyArns !== undefined && { policyArns }),
    ...(logger && { logger }),
  };
}
