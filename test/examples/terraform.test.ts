import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { describe, expect, it } from "vitest";
import { createTrustPolicy } from "../../src/index.js";
import { cli } from "../support/cli.js";
import { blocksOf } from "../support/markdown.js";
import { UNIQUE_ID } from "../support/two-clouds.js";

const DIRECTORY = "examples/terraform";
const main = readFileSync(join(DIRECTORY, "main.tf"), "utf8");
const terraform = (process.env.PATH ?? "").split(delimiter).some((path) => existsSync(join(path, "terraform")));

/** The policy document that a `data "aws_iam_policy_document"` of one statement stands for. */
function evaluate(name: string, values: Readonly<Record<string, string>>): unknown {
  const block = main.split(`data "aws_iam_policy_document" "${name}" {`)[1]?.split("\n}\n")[0] ?? "";
  const text = (expression = ""): string => values[expression] ?? JSON.parse(expression);
  const attribute = (source: string, key: string): string =>
    text(new RegExp(`\\b${key}\\s*=\\s*\\[?([^\\]\\n]+)`).exec(source)?.[1]);
  const [statement = "", ...conditions] = block.split(/\bcondition \{/);
  const test = new Set(conditions.map((condition) => attribute(condition, "test")));
  expect(test).toEqual(new Set(["StringEquals"]));
  return {
    Version: "2012-10-17",
    Statement: [
      {
        Effect: attribute(statement, "effect"),
        Principal: { [attribute(statement, "type")]: attribute(statement, "identifiers") },
        Action: attribute(statement, "actions"),
        Condition: {
          StringEquals: Object.fromEntries(
            conditions.map((condition) => [attribute(condition, "variable"), attribute(condition, "values")]),
          ),
        },
      },
    ],
  };
}

describe("the Terraform example", () => {
  it("has the trust policy of createTrustPolicy", () => {
    const values = { "local.gsa_unique_id": UNIQUE_ID, "var.audience": "sts.amazonaws.com" };
    expect(evaluate("gke_workload_identity", values)).toEqual(createTrustPolicy({ serviceAccountUniqueId: UNIQUE_ID }));
    expect(main).toContain("assume_role_policy   = data.aws_iam_policy_document.gke_workload_identity.json");
    expect(readFileSync(join(DIRECTORY, "variables.tf"), "utf8")).toMatch(
      /variable "audience" \{[^}]*default {5}= "sts\.amazonaws\.com"/,
    );
  });

  it("is what trust-policy --format terraform prints, with references in the place of its values", async () => {
    const flags = ["--service-account-unique-id", UNIQUE_ID, "--format", "terraform"];
    const { stdout } = await cli(["trust-policy", ...flags]);
    const referring = stdout
      .replaceAll(`"${UNIQUE_ID}"`, "local.gsa_unique_id")
      .replaceAll('"sts.amazonaws.com"', "var.audience");
    expect(main).toContain(referring);
  });

  it("gives the role no more than the one action that it shows", () => {
    expect(main.match(/actions\s*=.*/g)).toEqual([
      'actions = ["sts:AssumeRoleWithWebIdentity"]',
      'actions   = ["s3:ListAllMyBuckets"]',
    ]);
    expect(main).not.toMatch(/FullAccess|google_project_iam|roles\/(?!iam\.workloadIdentityUser)/);
  });

  it.skipIf(!terraform)("is formatted as terraform fmt formats", () => {
    const env = { ...process.env, TF_CLI_CONFIG_FILE: "/dev/null" };
    expect(execFileSync("terraform", ["fmt", "-check", "-diff", "-recursive", DIRECTORY], { env }).toString()).toBe("");
  });
});

it.each([
  ["Way A", "examples/terraform"],
  ["Way B", "examples/terraform-cluster-issuer"],
])("the files of %s in docs/how-to/terraform.md are those of %s", (heading, directory) => {
  const blocks = blocksOf("docs/how-to/terraform.md").filter((block) => block.heading.startsWith(heading));
  for (const file of ["main.tf", "variables.tf", "outputs.tf"]) {
    expect(blocks.find(({ label }) => label === file)?.code).toBe(readFileSync(join(directory, file), "utf8"));
  }
});
