import type { AwsCredentialIdentity } from "@smithy/types";
import { createError } from "../errors/create-error.js";
import { parseRoleArn } from "../lib/role-arn.js";
import { MAX_SESSION_NAME_CHARACTERS } from "../lib/sts-limits.js";
import { check, ROLE_ARN, ROLE_SESSION_NAME } from "../options/option-rules.js";

/** Which role, under which name: from the options, else from the environment. */
export type RoleSession = { readonly roleArn: string; readonly roleSessionName: string };
type RoleOptions = { readonly [name in keyof RoleSession]?: string | undefined };

/** A pod's name as a session name: what STS does not allow becomes a hyphen, at most 64 characters. */
export function toSessionName(hostname: string | undefined): string {
  const legal = (hostname ?? "").replace(/[^\w+=,.@-]/g, "-").slice(0, MAX_SESSION_NAME_CHARACTERS);
  return legal.length >= 2 ? legal : "gke-workload-identity";
}

/** Reads and checks what the options leave to the environment. */
export function readRoleSession(options: RoleOptions, env: NodeJS.ProcessEnv = process.env): RoleSession {
  const roleArn = options.roleArn ?? (env.AWS_ROLE_ARN || undefined);
  if (roleArn === undefined) throw createError("MISSING_ROLE_ARN");
  if (options.roleArn === undefined) check("AWS_ROLE_ARN", roleArn, ROLE_ARN);
  const named = options.roleSessionName ?? (env.AWS_ROLE_SESSION_NAME || undefined);
  if (options.roleSessionName === undefined && named !== undefined)
    check("AWS_ROLE_SESSION_NAME", named, ROLE_SESSION_NAME);
  return { roleArn, roleSessionName: named ?? toSessionName(env.HOSTNAME) };
}

/** The role for events: undefined where none is configured, or where the variable holds something else. */
export function roleArnOf({ roleArn }: RoleOptions): string | undefined {
  const named = roleArn ?? process.env.AWS_ROLE_ARN;
  return parseRoleArn(named) && named;
}

/** An AWS session: credentials that end. */
export type AwsSession = AwsCredentialIdentity & {
  /** When the session ends; requests signed with it are refused from then on. */
  readonly expiration: Date;
};

const FIELDS = ["accessKeyId", "secretAccessKey", "sessionToken"] as const;
/** 12 digits at AWS, other names elsewhere. The SDK makes host names of it. */
const ACCOUNT_ID = /^[\w-]{1,63}$/;

/** Checks that an answer holds a whole session, and adds the account id of the role if STS left it out. */
export function checkSession(answer: unknown, roleArn: string): AwsSession {
  const session = Object(answer) as AwsCredentialIdentity;
  const { accountId: named, expiration, ...rest } = session;
  const missing = FIELDS.find((field) => typeof session[field] !== "string" || session[field] === "");
  if (missing) throw new Error(`the answer has no ${missing}`);
  if (!(expiration instanceof Date) || Number.isNaN(expiration.getTime()))
    throw new Error("the answer has no valid expiration");
  const accountId = ACCOUNT_ID.test(named ?? "") ? named : parseRoleArn(roleArn)?.accountId;
  return { ...rest, expiration, ...(accountId && { accountId }) };
}

/** The error for a session that has ended before it arrived. */
export const endedSession = ({ expiration }: { readonly expiration?: Date | undefined }): Error =>
  createError("STS_INVALID_RESPONSE", {
    reason: `the session ended at ${expiration?.toISOString()}, before it arrived; this machine's clock says ${new Date().toISOString()}`,
  });
