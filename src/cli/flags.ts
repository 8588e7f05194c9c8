import { type Command, InvalidArgumentError, Option } from "commander";
import { loadPackage as load } from "../errors/create-error.js";
import type { FromGkeWorkloadIdentityInit } from "../index.js";
import { DEFAULT_AUDIENCE } from "../options/options.js";
import { createProxyHandler } from "./proxy.js";

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

function toFileMode(text: string): number {
  if (!/^0?[0-7]{3}$/.test(text)) throw new InvalidArgumentError("It must be three octal digits, such as 640.");
  const mode = Number.parseInt(text, 8);
  if (mode & 0o002) throw new InvalidArgumentError("It must not let everybody write: use 600, 640 or 444.");
  return mode;
}

/** `--file-mode`: who may read a file with a secret in it. A pod with `fsGroup` shares it by 640. */
export const addFileMode = (command: Command): Command =>
  command.addOption(
    new Option(
      "--file-mode <mode>",
      "who may read the file: 600, 640 for containers of other users in the pod's group (fsGroup), or 444 for all",
    )
      .argParser(toFileMode)
      .default(0o600, "600"),
  );

/** An example at the end of a command's help. */
export const addExample = (command: Command, ...lines: readonly string[]): Command =>
  command.addHelpText("after", `\nExample:\n${lines.map((line) => `  ${line}\n`).join("")}`);

/**
 * The region for a command: `--region`, else `AWS_REGION`, else `AWS_DEFAULT_REGION` (which is what boto3 and the AWS CLI
 * call it), else that of the profile in the AWS config files. Undefined where there is none.
 */
export async function findRegion(flag: string | undefined): Promise<string | undefined> {
  const given = flag || process.env.AWS_REGION || process.env.AWS_DEFAULT_REGION;
  if (given) return given;
  const { loadConfig } = await load("@smithy/node-config-provider", import("@smithy/node-config-provider"));
  const ofProfile = await loadConfig<string>({
    environmentVariableSelector: () => undefined,
    configFileSelector: (section) => section.region,
    default: "",
  })().catch(() => ""); // The provider meets the same file, and says what is wrong with it.
  return ofProfile || undefined;
}

/** What the flags mean to `fromGkeWorkloadIdentity`. `onProxy` is told which proxy a call of STS goes through. */
export async function toInit(
  roleArn: string | undefined,
  flags: ProviderFlags,
  onProxy?: (proxy: string) => void,
): Promise<FromGkeWorkloadIdentityInit> {
  const region = await findRegion(flags.region);
  const requestHandler = await createProxyHandler(onProxy);
  return {
    roleArn,
    roleSessionName: flags.sessionName,
    audience: flags.audience,
    webIdentityTokenFile: flags.webIdentityTokenFile,
    durationSeconds: flags.durationSeconds,
    clientConfig: { ...(region !== undefined && { region }), ...(requestHandler && { requestHandler }) },
  };
}
