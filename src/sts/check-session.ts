import type { AwsCredentialIdentity } from "@smithy/types";
import { GkeWorkloadIdentityError } from "../errors/gke-workload-identity-error.js";
import { parseRoleArn } from "../lib/role-arn.js";

/** An AWS session: credentials that end. */
export type AwsSession = AwsCredentialIdentity & {
  /** When the session ends; requests signed with it are refused from then on. */
  readonly expiration: Date;
};

/**
 * Checks that an answer holds a whole session, and adds the account id of the role if STS left it out.
 *
 * @throws GkeWorkloadIdentityError `STS_INVALID_RESPONSE`
 */
export function checkSession(credentials: unknown, roleArn: string, region: string | undefined): AwsSession {
  const session = Object(credentials) as AwsCredentialIdentity;
  const { accessKeyId, secretAccessKey, sessionToken, expiration } = session;
  const missing = Object.entries({ accessKeyId, secretAccessKey, sessionToken }).find(([, value]) => !value)?.[0];
  if (missing !== undefined || !(expiration instanceof Date) || Number.isNaN(expiration.getTime())) {
    const reason = `the answer has no ${missing ?? "valid expiration"}.`;
    throw new GkeWorkloadIdentityError("STS_INVALID_RESPONSE", { region, reason });
  }
  const accountId = session.accountId || parseRoleArn(roleArn)?.accountId;
  return { ...session, expiration, ...(accountId && { accountId }) };
}
