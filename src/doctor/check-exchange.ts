import { startDeadline } from "../lib/time.js";
import { createRoleAssumer } from "../sts/assume-role.js";
import type { AwsSession } from "../sts/session.js";
import type { WebIdentityToken } from "../token/check-token.js";
import type { Setup } from "./check-configuration.js";
import type { StsEndpoint } from "./check-sts-endpoint.js";
import { ok, type Success } from "./step.js";

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
  { regions }: StsEndpoint,
  idToken: WebIdentityToken,
): Promise<Success<Exchange>> {
  const assumeRole = createRoleAssumer(options, () => {});
  const assumeRoleWith = (token: WebIdentityToken): Promise<AwsSession> =>
    assumeRole({
      ...token,
      ...roleSession,
      regions,
      callerClientConfig: undefined,
      deadline: startDeadline(options.timeoutMs),
    });
  const session = await assumeRoleWith(idToken);
  return ok(`a session until ${session.expiration.toISOString()}`, { session, assumeRoleWith });
}
