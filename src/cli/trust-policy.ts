import { type Command, InvalidArgumentError, Option } from "commander";
import { parseRoleArn } from "../lib/role-arn.js";
import { DEFAULT_AUDIENCE } from "../options/options.js";
import type { Output } from "./output.js";
import { FORMATS } from "./trust-policy-formats.js";
import { findTrustPolicy, type TrustFlags } from "./trust-policy-source.js";

interface Flags extends TrustFlags {
  readonly roleName?: string;
  readonly format: keyof typeof FORMATS;
}

function toRoleName(text: string): string {
  if (!/^[\w+=,.@-]{1,64}$/.test(text))
    throw new InvalidArgumentError("It must be 1 to 64 characters of [A-Za-z0-9_+=,.@-].");
  return text;
}

const collect = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];

/** `trust-policy`: the IAM trust policy for a Google service account, or for a service account of clusters. */
export function addTrustPolicy(program: Command, { stdout, stderr }: Output): void {
  program
    .command("trust-policy")
    .description("Print the IAM trust policy that lets this workload, or the one that the flags name, assume a role.")
    .option(
      "--service-account-unique-id <id>",
      "21 digits: gcloud iam service-accounts describe EMAIL --format 'value(uniqueId)'; default: this workload's own, from its token",
    )
    .option(
      "--issuer <url>",
      "the cluster's own OIDC issuer, in place of a Google service account; may be repeated",
      collect,
    )
    .option("--namespace <namespace>", "with --issuer: the pod's namespace")
    .option("--service-account-name <name>", "with --issuer: the pod's Kubernetes service account")
    .option("--aws-account-id <id>", "for a cluster's tokens: the role's account; default: that of AWS_ROLE_ARN")
    .option("--aws-partition <partition>", "for a cluster's tokens: aws-cn, aws-us-gov; default: aws")
    .option("--audience <audience>", `the token's audience; default: ${DEFAULT_AUDIENCE}`)
    .option("--role-name <name>", "the role, for --format aws-cli; default: that of AWS_ROLE_ARN", toRoleName)
    .addOption(new Option("--format <format>", "how to print it").choices(Object.keys(FORMATS)).default("json"))
    .action(async ({ roleName, format, ...flags }: Flags, command: Command) => {
      const name = roleName ?? parseRoleArn(process.env.AWS_ROLE_ARN)?.roleName;
      if (format === "aws-cli" && !name) command.error("error: --format aws-cli needs --role-name, or AWS_ROLE_ARN");
      const policy = await findTrustPolicy(flags, (text) => stderr.write(text));
      stdout.write(`${FORMATS[format](policy, name ?? "")}\n`);
    });
}
