import type { TrustPolicy } from "../index.js";
import { escapeUnits, shellOption, shellWord, UNSAFE } from "../lib/text.js";

/** JSON that is safe to print: the same value, with every character in sight. */
const safeJson = (value: unknown, indent?: number): string =>
  JSON.stringify(value, null, indent).replace(UNSAFE, (character) =>
    character === "\n" ? character : escapeUnits(character),
  );

/**
 * A text in HCL's quotes, which are JSON's but for `${` and `%{`: these begin a template.
 *
 * @see https://github.com/hashicorp/hcl/blob/main/hclsyntax/spec.md (template literals)
 */
const hcl = (text: string): string => safeJson(text).replace(/(?<=[$%])\{/g, "\\u007b");

/** The provider puts `${` in the place of `&{` in a statement. A policy with such a text is given whole. */
function toTerraform(policy: TrustPolicy): string {
  const json = JSON.stringify(policy);
  const body = json.includes("&{")
    ? `  source_policy_documents = [${hcl(json)}]`
    : policy.Statement.map(toStatement).join("\n\n");
  return `data "aws_iam_policy_document" "gke_workload_identity" {\n${body}\n}`;
}

function toStatement(statement: TrustPolicy["Statement"][number]): string {
  const conditions = Object.entries(statement.Condition.StringEquals).map(
    ([key, value]) => `
    condition {
      test     = "StringEquals"
      variable = ${hcl(key)}
      values   = [${hcl(value)}]
    }`,
  );
  return `  statement {
    effect  = ${hcl(statement.Effect)}
    actions = [${hcl(statement.Action)}]

    principals {
      type        = "Federated"
      identifiers = [${hcl(statement.Principal.Federated)}]
    }
${conditions.join("\n")}
  }`;
}

/** Makes the role. Only where it exists already, gives it this policy in place of its own: any other failure ends it. */
function toAwsCli(policy: TrustPolicy, roleName: string): string {
  const role = shellOption("--role-name", roleName);
  return `policy=${shellWord(safeJson(policy))}
if answer=$(aws iam create-role ${role} --assume-role-policy-document "$policy" 2>&1); then
  printf '%s\\n' "$answer"
else
  case $answer in
    *"(EntityAlreadyExists)"*)
      echo "The role exists already: this replaces its whole trust policy." >&2
      aws iam update-assume-role-policy ${role} --policy-document "$policy"
      ;;
    *)
      printf '%s\\n' "$answer" >&2
      false
      ;;
  esac
fi`;
}

/** How `trust-policy` prints a policy. */
export const FORMATS = {
  json: (policy: TrustPolicy): string => safeJson(policy, 2),
  terraform: toTerraform,
  "aws-cli": toAwsCli,
};
