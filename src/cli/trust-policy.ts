import { type Command, InvalidArgumentError, Option } from "commander";
import { createTrustPolicy, type TrustPolicy } from "../index.js";
import { parseRoleArn } from "../lib/role-arn.js";
import { trustPolicyDocument } from "../lib/trust-policy-document.js";
import { DEFAULT_AUDIENCE } from "../options/defaults.js";
import { createIdTokenSource } from "./id-token.js";
import type { Output } from "./output.js";
import { FORMATS } from "./trust-policy-formats.js";

interface Flags {
  readonly serviceAccountUniqueId?: string;
  readonly audience?: string;
  readonly roleName?: string;
  readonly format: keyof typeof FORMATS;
}

function toRoleName(text: string): string {
  if (!/^[\w+=,.@-]{1,64}$/.test(text))
    throw new InvalidArgumentError("It must be 1 to 64 characters of [A-Za-z0-9_+=,.@-].");
  return text;
}

/** `trust-policy`: the IAM trust policy for one Google service account and one audience. */
export function addTrustPolicy(program: Command, { stdout, stderr }: Output): void {
  program
    .command("trust-policy")
    .description("Print the IAM trust policy that lets a Google service account assume a role.")
    .option(
      "--service-account-unique-id <id>",
      "21 digits: gcloud iam service-accounts describe EMAIL --format 'value(uniqueId)'; default: this workload's own, from its ID token",
    )
    .option("--audience <audience>", `the ID token's audience; default: ${DEFAULT_AUDIENCE}`)
    .option("--role-name <name>", "the role, for --format aws-cli; default: that of AWS_ROLE_ARN", toRoleName)
    .addOption(new Option("--format <format>", "how to print it").choices(Object.keys(FORMATS)).default("json"))
    .action(async ({ serviceAccountUniqueId, audience, roleName, format }: Flags, command: Command) => {
      const name = roleName ?? parseRoleArn(process.env.AWS_ROLE_ARN)?.roleName;
      if (format === "aws-cli" && !name) command.error("error: --format aws-cli needs --role-name, or AWS_ROLE_ARN");
      const policy =
        serviceAccountUniqueId === undefined
          ? await policyOfToken(audience, (text) => stderr.write(text))
          : createTrustPolicy({ serviceAccountUniqueId, audience });
      stdout.write(`${FORMATS[format](policy, name ?? "")}\n`);
    });
}

/**
 * The policy that allows this workload's own token. IAM compares `aud` with the token's `azp`: where that is not the
 * service account's unique id, as some ways to mint a token make it, the policy must name it all the same.
 */
async function policyOfToken(audience = DEFAULT_AUDIENCE, log: (text: string) => unknown): Promise<TrustPolicy> {
  const { azp, sub = "" } = (await createIdTokenSource(audience)()).claims;
  const policy = createTrustPolicy({ serviceAccountUniqueId: sub, audience });
  if (azp === sub) return policy;
  log("The token's azp is not the service account's unique id: the policy requires what the token says.\n");
  return trustPolicyDocument({ aud: azp ?? audience, oaud: audience, sub });
}
