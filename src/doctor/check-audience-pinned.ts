import { randomUUID } from "node:crypto";
import { printTrustPolicy } from "../errors/commands.js";
import { GkeWorkloadIdentityError } from "../index.js";
import { startDeadline } from "../lib/time.js";
import type { WebIdentityToken } from "../token/check-token.js";
import { findTokenFile } from "../token/token-file.js";
import { createTokenSource } from "../token/token-source.js";
import type { Setup } from "./check-configuration.js";
import type { Exchange } from "./check-exchange.js";
import { ok, type Success, skip, warn } from "./step.js";
import { describeIssuer } from "./token-issuer.js";

/** Whether the role refuses a token that was made for another audience. */
export async function checkAudiencePinned(
  { options, roleSession }: Setup,
  { claims }: WebIdentityToken,
  { assumeRoleWith }: Exchange,
): Promise<Success<undefined>> {
  if (!describeIssuer(claims.iss).isGoogle) {
    return skip("not tried: IAM refuses each audience that its OIDC provider does not list");
  }
  if (findTokenFile(options) !== undefined) return skip("not tried: the file holds a token for one audience");
  const audience = `gke-aws-credentials-doctor-${randomUUID()}`;
  try {
    const other = await createTokenSource({ ...options, audience })(startDeadline(options.timeoutMs));
    await assumeRoleWith(other);
  } catch (error) {
    if (!(error instanceof GkeWorkloadIdentityError)) throw error;
    if (error.code === "STS_ACCESS_DENIED" || error.code === "STS_INVALID_TOKEN") {
      return ok("a token for another audience is refused");
    }
    return warn(`could not be tried: ${error.code}`, "Try again.");
  }
  return warn(
    "the role lets in a token for any audience, so whoever this workload sends a Google ID token to can replay it",
    `Require accounts.google.com:oaud in the role's trust policy. Print the policy for this workload, and merge its statement into the role's:\n   ${printTrustPolicy({ roleArn: roleSession.roleArn, claims })}`,
  );
}
