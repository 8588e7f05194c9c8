import { type Command, InvalidArgumentError, Option } from "commander";
import { createTrustPolicy, type TrustPolicy } from "../index.js";
import { parseRoleArn } from "../lib/role-arn.js";
import { shellWord } from "../lib/shell-word.js";
import { DEFAULT_AUDIENCE } from "../options/defaults.js";
import { createIdTokenSource } from "./id-token.js";
import type { Output } from "./output.js";

interface Flags {
  readonly serviceAccountUniqueId?: string;
  readonly audience?: string;
  readonly roleName?: string;
  readonly format: keyof typeof FORMATS;
}

const FORMATS = {
  json: (policy: TrustPolicy) => JSON.stringify(policy, null, 2),
  terraform: toTerraform,
  "aws-cli": toAwsCli,
};

function toRoleName(text: string): string {
  if (!/^[\w+=,.@-]{1,64}$/.test(text))
    throw new InvalidArgumentError("It must be 1 to 64 characters of [A-Za-z0-9_+=,.@-].");
  return text;
}

/** `trust-policy`: the IAM trust policy for one Google service account and one audience. */
export function addTrustPolicy(program: Command, { stdout }: Output): void {
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
      const id = serviceAccountUniqueId ?? (await createIdTokenSource(audience)()).claims.sub ?? "";
      const policy = createTrustPolicy({ serviceAccountUniqueId: id, audience });
      stdout.write(`${FORMATS[format](policy, name ?? "")}\n`);
    });
}

/** A text in HCL's quotes, in which `${` and `%{` begin a template. */
const hcl = (text: string): string => JSON.stringify(text).replace(/[$%](?=\{)/g, "$&$&");

function toTerraform({ Statement: [statement] }: TrustPolicy): string {
  const conditions = Object.entries(statement.Condition.StringEquals).map(
    ([key, value]) => `
    condition {
      test     = "StringEquals"
      variable = ${hcl(key)}
      values   = [${hcl(value)}]
    }`,
  );
  return `data "aws_iam_policy_document" "gke_workload_identity" {
  statement {
    effect  = "${statement.Effect}"
    actions = ["${statement.Action}"]

    principals {
      type        = "Federated"
      identifiers = ["${statement.Principal.Federated}"]
    }
${conditions.join("\n")}
  }
}`;
}

/** Makes the role, or where it is there already gives it this policy. */
function toAwsCli(policy: TrustPolicy, roleName: string): string {
  return `policy=${shellWord(JSON.stringify(policy))}
aws iam create-role --role-name ${roleName} --assume-role-policy-document "$policy" ||
  aws iam update-assume-role-policy --role-name ${roleName} --policy-document "$policy"`;
}
