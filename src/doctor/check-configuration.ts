import type { FromGkeWorkloadIdentityInit } from "../index.js";
import { resolveOptions } from "../options/option-rules.js";
import type { ResolvedOptions } from "../options/options.js";
import { type RoleSession, readRoleSession } from "../sts/session.js";
import { ok, type Success } from "./step.js";

/** What every later step is given: the options, and the role with the session's name. */
export interface Setup {
  readonly options: ResolvedOptions;
  readonly roleSession: RoleSession;
}

/** The role, the session's name and the audience, from flags and environment. Each step may take `timeoutMs`, as in the library. */
export function checkConfiguration(init: FromGkeWorkloadIdentityInit): Success<Setup> {
  const options = resolveOptions(init);
  const roleSession = readRoleSession(options);
  const { roleArn, roleSessionName } = roleSession;
  return ok(`${roleArn} as ${roleSessionName}, audience ${options.audience}`, { options, roleSession });
}
