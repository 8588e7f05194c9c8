import { type Command, InvalidArgumentError } from "commander";
import type { FromGkeWorkloadIdentityInit } from "../index.js";
import { DEFAULT_AUDIENCE } from "../options/defaults.js";

/** The flags that say which session, shared by the commands that make one. */
export interface ProviderFlags {
  readonly sessionName?: string;
  readonly audience?: string;
  readonly durationSeconds?: number;
  readonly region?: string;
}

function toWholeNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError("It must be a whole number.");
  return Number(text);
}

export const addProviderOptions = (command: Command): Command =>
  command
    .option("--session-name <name>", "the session's name; default: AWS_ROLE_SESSION_NAME, else the pod's name")
    .option("--audience <audience>", `the ID token's audience; default: ${DEFAULT_AUDIENCE}`)
    .option("--duration-seconds <seconds>", "length of the session, 900 to 43200; default: 3600", toWholeNumber)
    .option("--region <region>", "where to call STS; default: AWS_REGION, else the profile's, else the partition's");

export const addRoleArgument = (command: Command): Command =>
  command.argument("[role-arn]", "the role to assume; default: AWS_JANUS_ROLE, else AWS_ROLE_ARN");

/** What the flags mean to `fromGkeWorkloadIdentity`. `AWS_JANUS_ROLE` is janus.py's own variable. */
export const toInit = (roleArn: string | undefined, flags: ProviderFlags): FromGkeWorkloadIdentityInit => ({
  roleArn: roleArn ?? (process.env.AWS_JANUS_ROLE || undefined),
  roleSessionName: flags.sessionName,
  audience: flags.audience,
  durationSeconds: flags.durationSeconds,
  ...(flags.region !== undefined && { clientConfig: { region: flags.region } }),
});
