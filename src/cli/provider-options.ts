import { type Command, InvalidArgumentError } from "commander";
import type { FromGkeWorkloadIdentityInit } from "../index.js";
import { DEFAULT_AUDIENCE } from "../options/options.js";
import { createProxyHandler, hasProxy } from "./proxy.js";
import { findRegion } from "./region.js";

/** The flags that say which session, shared by the commands that make one. */
export interface ProviderFlags {
  readonly sessionName?: string;
  readonly audience?: string;
  readonly durationSeconds?: number;
  readonly region?: string | undefined;
  readonly webIdentityTokenFile?: string;
}

function toWholeNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError("It must be a whole number.");
  return Number(text);
}

export const addProviderOptions = (command: Command): Command =>
  command
    .option("--session-name <name>", "the session's name; default: AWS_ROLE_SESSION_NAME, else the pod's name")
    .option("--audience <audience>", `the ID token's audience; default: ${DEFAULT_AUDIENCE}`)
    .option(
      "--web-identity-token-file <file>",
      "a token of the cluster, in place of Google's; default: AWS_WEB_IDENTITY_TOKEN_FILE, else none",
    )
    .option("--duration-seconds <seconds>", "length of the session, 900 to 43200; default: 3600", toWholeNumber)
    .option(
      "--region <region>",
      "where to call STS; default: AWS_REGION, AWS_DEFAULT_REGION, the profile's, then the partition's",
    );

export const addRoleArgument = (command: Command): Command =>
  command.argument("[role-arn]", "the role to assume; default: AWS_ROLE_ARN");

/** An example at the end of a command's help. */
export const addExample = (command: Command, ...lines: readonly string[]): Command =>
  command.addHelpText("after", `\nExample:\n${lines.map((line) => `  ${line}\n`).join("")}`);

/** What the flags mean to `fromGkeWorkloadIdentity`. `onProxy` is told which proxy a call of STS goes through. */
export async function toInit(
  roleArn: string | undefined,
  flags: ProviderFlags,
  onProxy?: (proxy: string) => void,
): Promise<FromGkeWorkloadIdentityInit> {
  const region = await findRegion(flags.region);
  const requestHandler = hasProxy() ? await createProxyHandler(onProxy) : undefined;
  return {
    roleArn,
    roleSessionName: flags.sessionName,
    audience: flags.audience,
    webIdentityTokenFile: flags.webIdentityTokenFile,
    durationSeconds: flags.durationSeconds,
    clientConfig: { ...(region !== undefined && { region }), ...(requestHandler && { requestHandler }) },
  };
}
