import { invalidConfiguration } from "../errors/create-error.js";
import { type ClusterTrustPolicyInit, createTrustPolicy, type TrustPolicy } from "../index.js";
import { isGoogleIssuer, parseRoleArn } from "../lib/role-arn.js";
import { startDeadline } from "../lib/time.js";
import { DEFAULT_AUDIENCE, DEFAULT_TIMEOUT_MS } from "../options/options.js";
import type { IdTokenClaims } from "../token/check-token.js";
import { findTokenFile, readTokenFile } from "../token/token-file.js";
import { policyLength, trustPolicyFor } from "../trust-policy.js";
import { CommandError } from "./command-error.js";
import { createIdTokenSource } from "./id-token.js";

/** What the flags say about the tokens to trust. */
export interface TrustFlags {
  readonly serviceAccountUniqueId?: string;
  readonly issuer?: readonly string[];
  readonly awsAccountId?: string;
  readonly awsPartition?: string;
  readonly namespace?: string;
  readonly serviceAccountName?: string;
  readonly audience?: string;
}

type Log = (text: string) => unknown;

/** IAM's quota for a role's trust policy, where AWS has not raised it. */
const TRUST_POLICY_QUOTA = 2_048;
const SUBJECT = /^system:serviceaccount:([^:]+):([^:]+)$/;

const wrongUsage = (reason: string): Error => invalidConfiguration(reason);

/** The policy for what the flags name, else for this workload's own token: that of the token file, else Google's. */
export async function findTrustPolicy(flags: TrustFlags, log: Log): Promise<TrustPolicy> {
  const policy = await choose(flags, log);
  const length = policyLength(policy);
  if (length > TRUST_POLICY_QUOTA) {
    log(
      `The policy has ${length} characters. IAM allows ${TRUST_POLICY_QUOTA}, and more only when the account's quota is raised.\n`,
    );
  }
  return policy;
}

async function choose(flags: TrustFlags, log: Log): Promise<TrustPolicy> {
  const { serviceAccountUniqueId, issuer, namespace, serviceAccountName, audience } = flags;
  if (issuer !== undefined) return createTrustPolicy({ ...clusterOf(flags, issuer), serviceAccountUniqueId });
  for (const [flag, value] of Object.entries({ namespace, "service-account-name": serviceAccountName })) {
    if (value !== undefined) throw wrongUsage(`--${flag} says whose token of a cluster it is: give --issuer too.`);
  }
  if (serviceAccountUniqueId !== undefined) return createTrustPolicy({ serviceAccountUniqueId, audience });
  return policyOfToken(flags, log);
}

/** The account and the partition are those of the role in the environment, unless flags name others. */
function clusterOf(flags: TrustFlags, issuer: string | readonly string[]): ClusterTrustPolicyInit {
  const role = parseRoleArn(process.env.AWS_ROLE_ARN);
  const awsAccountId = flags.awsAccountId ?? (role?.accountId || undefined);
  const { namespace, serviceAccountName, audience } = flags;
  const needed = { "aws-account-id": awsAccountId, namespace, "service-account-name": serviceAccountName };
  const missing = Object.entries(needed).find(([, value]) => value === undefined)?.[0];
  if (missing !== undefined) throw wrongUsage(`A trust policy for a cluster's tokens needs --${missing}.`);
  return {
    issuer,
    awsAccountId: awsAccountId ?? "",
    namespace: namespace ?? "",
    serviceAccountName: serviceAccountName ?? "",
    audience,
    awsPartition: flags.awsPartition ?? role?.partition,
  };
}

async function policyOfToken(flags: TrustFlags, log: Log): Promise<TrustPolicy> {
  const { audience = DEFAULT_AUDIENCE } = flags;
  const file = findTokenFile({});
  const { claims } =
    file === undefined
      ? await createIdTokenSource(audience)()
      : await readTokenFile(file, audience, startDeadline(DEFAULT_TIMEOUT_MS));
  if (file === undefined || isGoogleIssuer(claims.iss)) return policyOfGoogleToken(claims, audience, log);
  const [, namespace, serviceAccountName] = SUBJECT.exec(claims.sub ?? "") ?? [];
  if (claims.iss === undefined || namespace === undefined || serviceAccountName === undefined)
    throw new CommandError(`The token in ${file} is not one of a Kubernetes service account.`);
  return createTrustPolicy(clusterOf({ ...flags, namespace, serviceAccountName }, claims.iss));
}

/**
 * IAM compares `aud` with the token's `azp`: where that is not the service account's unique id, as some ways to mint a
 * token make it, the policy must name it all the same.
 */
function policyOfGoogleToken({ azp, sub = "" }: IdTokenClaims, audience: string, log: Log): TrustPolicy {
  const policy = createTrustPolicy({ serviceAccountUniqueId: sub, audience });
  if (azp === sub) return policy;
  log("The token's azp is not the service account's unique id: the policy requires what the token says.\n");
  return trustPolicyFor(["accounts.google.com"], { aud: azp ?? audience, oaud: audience, sub });
}
