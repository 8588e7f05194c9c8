import type { Setup } from "./check-configuration.js";
import type { Exchange } from "./check-exchange.js";
import type { StsEndpoint } from "./check-sts-endpoint.js";
import { getCallerIdentity } from "./reach-sts.js";
import { ok, type Success, skip } from "./step.js";

/**
 * A request that is signed with the session.
 *
 * @throws GkeWorkloadIdentityError
 */
export async function checkCallerIdentity(
  { options, roleSession }: Setup,
  { regions }: StsEndpoint,
  { session }: Exchange,
): Promise<Success<undefined>> {
  const [region] = regions;
  if (region === undefined) return skip("not asked: a roleAssumerWithWebIdentity is given");
  return ok(await getCallerIdentity({ options, region, roleArn: roleSession.roleArn }, session));
}
