import { randomUUID } from "node:crypto";
import { printTrustPolicy } from "../errors/commands.js";
import { invalidConfiguration } from "../errors/create-error.js";
import { type AwsSession, GkeWorkloadIdentityError } from "../index.js";
import { isGoogleIssuer } from "../lib/role-arn.js";
import { startDeadline, withTimeout } from "../lib/time.js";
import { createRoleAssumer } from "../sts/assume-role.js";
import { resolveStsRegions } from "../sts/regions.js";
import type { WebIdentityToken } from "../token/check-token.js";
import { findTokenFile } from "../token/token-file.js";
import { createTokenSource } from "../token/token-source.js";
import { checkClock } from "./check-clock.js";
import type { Setup } from "./check-workload.js";
import { getCallerIdentity, reachSts } from "./reach-sts.js";
import { type Finding, ok, type Success, skip, warn } from "./step.js";

/** First to last. None where an injected role assumer calls STS. */
type Regions = readonly string[];

/** Which region STS is called in, whether it answers there, and what its clock says. */
export async function checkStsEndpoint(setup: Setup): Promise<Finding<Regions>> {
  const { options, roleSession } = setup;
  if (options.roleAssumerWithWebIdentity)
    return { ...skip("not asked: a roleAssumerWithWebIdentity is given"), facts: [] };
  let isDefault = false;
  const emit = ({ type }: { readonly type: string }): void => {
    isDefault = type === "stsRegionDefaulted";
  };
  const regions = await withTimeout(
    options.timeoutMs,
    () => resolveStsRegions({ ...options, ...roleSession, emit }),
    () => invalidConfiguration(`The region of STS was not found within ${options.timeoutMs} ms`),
  );
  const { host, clockAheadMs } = await reachSts(setup, regions[0] ?? "");
  const clock = checkClock("STS", clockAheadMs);
  if (clock.status === "failed") return clock;
  if (clock.status === "warning") return { ...clock, facts: regions };
  const found = `${host}, region ${regions.join(", ")}`;
  const hint = "Set AWS_REGION to the region nearest to the pod.";
  const result = isDefault ? warn(`${found}, the default, because no region is configured`, hint) : ok(found);
  return { ...result, facts: regions };
}

export interface Exchange {
  readonly session: AwsSession;
  /** The same exchange with another token. */
  readonly assumeRoleWith: (idToken: WebIdentityToken) => Promise<AwsSession>;
}

/**
 * `AssumeRoleWithWebIdentity` with the token.
 *
 * @throws GkeWorkloadIdentityError
 */
export async function checkExchange(
  { options, roleSession }: Setup,
  regions: Regions,
  idToken: WebIdentityToken,
): Promise<Success<Exchange>> {
  const assumeRole = createRoleAssumer(options, () => {});
  const assumeRoleWith = (token: WebIdentityToken): Promise<AwsSession> => {
    const deadline = startDeadline(options.timeoutMs);
    return assumeRole({ ...token, ...roleSession, regions, callerClientConfig: undefined, deadline });
  };
  const session = await assumeRoleWith(idToken);
  return { ...ok(`a session until ${session.expiration.toISOString()}`), facts: { session, assumeRoleWith } };
}

/**
 * A request that is signed with the session.
 *
 * @throws GkeWorkloadIdentityError
 */
export async function checkCallerIdentity(setup: Setup, [region]: Regions, { session }: Exchange): Promise<Success> {
  if (region === undefined) return skip("not asked: a roleAssumerWithWebIdentity is given");
  return ok(await getCallerIdentity(setup, region, session));
}

/** Whether the role refuses a token that was made for another audience. */
export async function checkAudiencePinned(
  { options, roleSession }: Setup,
  { claims }: WebIdentityToken,
  { assumeRoleWith }: Exchange,
): Promise<Success> {
  if (!isGoogleIssuer(claims.iss))
    return skip("not tried: IAM refuses each audience that its OIDC provider does not list");
  if (findTokenFile(options) !== undefined) return skip("not tried: the file holds a token for one audience");
  const audience = `gke-aws-credentials-doctor-${randomUUID()}`;
  try {
    await assumeRoleWith(await createTokenSource({ ...options, audience })(startDeadline(options.timeoutMs)));
  } catch (error) {
    if (!(error instanceof GkeWorkloadIdentityError)) throw error;
    if (error.code === "STS_ACCESS_DENIED" || error.code === "STS_INVALID_TOKEN")
      return ok("a token for another audience is refused");
    return warn(`could not be tried: ${error.code}`, "Try again.");
  }
  return warn(
    "the role lets in a token for any audience, so whoever this workload sends a Google ID token to can replay it",
    `Require accounts.google.com:oaud in the role's trust policy. Print the policy for this workload, and merge its statement into the role's:\n   ${printTrustPolicy({ roleArn: roleSession.roleArn, claims })}`,
  );
}
