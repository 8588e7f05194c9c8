import { createError } from "../errors/create-error.js";
import { MAX_SESSION_NAME_CHARACTERS, NOT_IN_SESSION_NAME } from "../lib/sts-limits.js";
import { validateRoleArn, validateRoleSessionName } from "../options/option-rules.js";

/** Which role, under which name: from the options, else from the environment. */
export interface RoleSession {
  readonly roleArn: string;
  readonly roleSessionName: string;
}

const DEFAULT_SESSION_NAME = "gke-workload-identity";

/** A pod's name as a session name: what STS does not allow becomes a hyphen, at most 64 characters. */
export function toSessionName(hostname: string | undefined): string {
  const legal = (hostname ?? "").replace(NOT_IN_SESSION_NAME, "-").slice(0, MAX_SESSION_NAME_CHARACTERS);
  return legal.length >= 2 ? legal : DEFAULT_SESSION_NAME;
}

/**
 * Reads what the options leave to the environment.
 *
 * @throws GkeWorkloadIdentityError `MISSING_ROLE_ARN`, or `INVALID_CONFIGURATION` for a value of the environment.
 */
export function readRoleSession(
  options: { readonly roleArn?: string | undefined; readonly roleSessionName?: string | undefined },
  env: NodeJS.ProcessEnv = process.env,
): RoleSession {
  const roleArn = options.roleArn ?? (env.AWS_ROLE_ARN || undefined);
  if (roleArn === undefined) throw createError("MISSING_ROLE_ARN");
  if (options.roleArn === undefined) validateRoleArn("AWS_ROLE_ARN", roleArn);

  const named = options.roleSessionName ?? (env.AWS_ROLE_SESSION_NAME || undefined);
  if (options.roleSessionName === undefined && named !== undefined) {
    validateRoleSessionName("AWS_ROLE_SESSION_NAME", named);
  }
  return { roleArn, roleSessionName: named ?? toSessionName(env.HOSTNAME) };
}
