import type { TrustPolicy } from "../index.js";
import { replaceUnsafe, safeJson, shellOption, shellWord } from "../lib/text.js";

/** How `trust-policy` prints a policy. */
export const FORMATS = {
  json: (policy: TrustPolicy): string => safeJson(policy, 2),
  terraform: toTerraform,
  "aws-cli": toAwsCli,
};

const HCL_SHORT: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };
const MAX_BMP = 0xffff;

function hclCodePoint(character: string): string {
  const point = character.codePointAt(0) ?? 0;
  const digits = point.toString(16);
  return point > MAX_BMP ? `\\U${digits.padStart(8, "0")}` : `\\u${digits.padStart(4, "0")}`;
}

/**
 * A text in HCL's quotes, in which `${` and `%{` begin a template and are written `$${` and `%%{`.
 *
 * @see https://github.com/hashicorp/hcl/blob/main/hclsyntax/spec.md (template literals)
 */
const hcl = (text: string): string =>
  `"${replaceUnsafe(
    text.replace(/["\\]/g, "\\$&"),
    (character) => HCL_SHORT[character] ?? hclCodePoint(character),
  ).replace(/([$%]+)(?=\{)/g, (run) => (run.length === 1 ? `${run}${run}` : [...run].map(hclCodePoint).join("")))}"`;

/**
 * The provider puts `${` in the place of `&{` in every text of a statement, and knows no escape for it. A policy with
 * such a text is therefore given whole, as a document of its own.
 *
 * @see https://registry.terraform.io/providers/hashicorp/aws/latest/docs/data-sources/iam_policy_document
 */
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
