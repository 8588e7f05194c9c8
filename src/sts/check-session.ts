import type { AwsCredentialIdentity } from "@smithy/types";
import { createError } from "../errors/create-error.js";
import { parseRoleArn } from "../lib/role-arn.js";

/** An AWS session: credentials that end. */
export type AwsSession = AwsCredentialIdentity & {
  /** When the session ends; requests signed with it are refused from then on. */
  readonly expiration: Date;
};

const FIELDS = ["accessKeyId", "secretAccessKey", "sessionToken"] as const;
/** What a header can hold, and a signature can be made with. */
const PRINTABLE_ASCII = /^[\x21-\x7e]+$/;
/** 12 digits at AWS, other names elsewhere. The SDK makes host names of it. */
const ACCOUNT_ID = /^[\w-]{1,63}$/;

/**
 * Checks that an answer holds a whole session, and adds the account id of the role if STS left it out.
 *
 * @throws GkeWorkloadIdentityError `STS_INVALID_RESPONSE`
 */
export function checkSession(answer: unknown, roleArn: string, region: string | undefined): AwsSession {
  const session = Object(answer) as AwsCredentialIdentity;
  const reason = wrongIn(session);
  if (reason !== undefined) throw createError("STS_INVALID_RESPONSE", { region, reason });
  const { accountId: named, ...rest } = session;
  const accountId = isText(named, ACCOUNT_ID) ? named : parseRoleArn(roleArn)?.accountId;
  return { ...rest, expiration: session.expiration as Date, ...(accountId && { accountId }) };
}

function wrongIn(session: AwsCredentialIdentity): string | undefined {
  for (const field of FIELDS) {
    if (!session[field]) return `the answer has no ${field}.`;
    if (!isText(session[field], PRINTABLE_ASCII)) return `the answer has a ${field} that is not printable ASCII.`;
  }
  const { expiration } = session;
  if (expiration instanceof Date && !Number.isNaN(expiration.getTime())) return undefined;
  return "the answer has no valid expiration.";
}

const isText = (value: unknown, pattern: RegExp): boolean => typeof value === "string" && pattern.test(value);
