import { startDeadline } from "../lib/time.js";
import type { WebIdentityToken } from "../token/check-token.js";
import { createTokenSource } from "../token/token-source.js";
import type { Setup } from "./check-configuration.js";
import type { ServiceAccount } from "./check-service-account.js";
import { type Failure, type Finding, fail, ok, warn } from "./step.js";
import { describeIssuer } from "./token-issuer.js";

/** The token's claims: who made it, for whom, for how long, and whether it is of the account that the server names. */
export async function checkIdToken({ options }: Setup, account: ServiceAccount): Promise<Finding<WebIdentityToken>> {
  const idToken = await createTokenSource(options)(startDeadline(options.timeoutMs));
  const { iss, azp, sub, aud, email, exp = 0 } = idToken.claims;
  if (account.email !== undefined && email !== undefined && email !== account.email) {
    return wrongIdentity(email, account.email);
  }
  const minutes = Math.round((exp * 1_000 - Date.now()) / 60_000);
  const { isGoogle, owner, trusted } = describeIssuer(iss);
  const who = isGoogle ? `azp ${azp}, sub ${sub}` : `sub ${sub}`;
  const found = `${owner}: ${who}, aud ${aud}, for ${minutes} more minutes; the role must trust ${trusted}`;
  if (!isGoogle || /^\d+$/.test(azp ?? "")) return ok(found, idToken);
  return warn(
    found,
    "azp is not a service account's unique id: a trust policy from createTrustPolicy refuses it.",
    idToken,
  );
}

const wrongIdentity = (email: string, expected: string): Failure =>
  fail(
    "WRONG_IDENTITY",
    `the token is of ${email}, but this workload is ${expected}`,
    "Another machine answers in the place of the metadata server, with an identity of its own: a proxy, or the host of a wrong GCE_METADATA_HOST. See which variables lead there, and unset them:\n   env | grep -iE 'proxy|GCE_METADATA'",
  );
