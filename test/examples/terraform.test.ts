import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createTrustPolicy } from "../../src/index.js";
import { blocksOf } from "../support/markdown.js";
import { hasProgram } from "../support/programs.js";
import { UNIQUE_ID } from "../support/two-clouds.js";

const MODULES = ["terraform-role", "terraform-oidc-providers"];
const PAGE = "docs/how-to/terraform.md";

const hasTerraform = hasProgram("terraform", "version");
const env = { ...process.env, TF_CLI_CONFIG_FILE: "/dev/null", CHECKPOINT_DISABLE: "1" };
const terraform = (args: readonly string[], cwd: string, input = ""): string =>
  execFileSync("terraform", args, { cwd, env, input, encoding: "utf8", stdio: ["pipe", "pipe", "pipe"] });

const textOf = (module: string): string =>
  readdirSync(join("examples", module))
    .map((name) => readFileSync(join("examples", module, name), "utf8"))
    .join("\n");
const declaredIn = (module: string) => {
  const variables = readFileSync(join("examples", module, "variables.tf"), "utf8").split(/^(?=variable )/m);
  return variables.map((text) => ({
    name: /^variable "(\w+)"/.exec(text)![1]!,
    isRequired: !/^ {2}default /m.test(text),
  }));
};

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "terraform-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

describe.each(MODULES)("%s", (module) => {
  it.skipIf(!hasTerraform)("is formatted as terraform fmt formats, and is read by terraform", () => {
    cpSync(join("examples", module), directory, { recursive: true });
    expect(terraform(["fmt", "-check", "-diff"], directory)).toBe("");
    terraform(["get"], directory);
    writeFileSync(join(directory, "wrong.tf"), 'resource "aws_iam_role" {}');
    expect(spawnSync("terraform", ["get"], { cwd: directory, env }).status).toBe(1);
  });

  it("declares the variables that it uses, and uses those that it declares", () => {
    const used = [...textOf(module).matchAll(/\bvar\.(\w+)/g)].map(([, name]) => name);
    expect(new Set(used)).toEqual(new Set(declaredIn(module).map(({ name }) => name)));
  });

  it("refers to resources and data of its own", () => {
    const text = textOf(module);
    const own = [...text.matchAll(/^(?:resource|data) "(\w+)" "(\w+)"/gm)].map(([, type, name]) => `${type}.${name}`);
    const used = [...text.matchAll(/(?<!var\.|local\.|\w)((?:google|aws)_\w+\.\w+)/g)].map(([, name]) => name!);
    expect(used.length).toBeGreaterThan(0);
    for (const name of used) expect(own).toContain(name);
  });

  it("has a lower and an upper bound for each version", () => {
    const versions = [...textOf(module).matchAll(/^ *(?:required_)?version += "(.*)"$/gm)].map(([, range]) => range);
    expect(versions.length).toBeGreaterThan(1);
    for (const range of versions) expect(range).toMatch(/^>= \d+\.\d+, < \d+\.0$/);
  });

  it("has no provider of its own, and gives no role but the one that lets the workload in", () => {
    expect(textOf(module)).not.toMatch(/^provider|FullAccess|google_project_iam|roles\/(?!iam\.workloadIdentityUser)/m);
  });
});

describe.skipIf(!hasTerraform)(
  "the trust policy of terraform-role, as terraform evaluates it, is that of createTrustPolicy",
  () => {
    const issuer = ["blue", "green"].map(
      (name) => `https://container.googleapis.com/v1/projects/shop/locations/europe-west1/clusters/${name}`,
    );
    const arns = issuer.map((url) => url.replace("https://", "arn:aws:iam::123456789012:oidc-provider/"));
    const POD = { namespace: "shop", service_account_name: "orders", role_name: "orders", permissions: "{}" };
    function evaluate(variables: Readonly<Record<string, unknown>>, account: string): unknown {
      for (const name of ["variables.tf", "trust-policy.tf"])
        cpSync(join("examples", "terraform-role", name), join(directory, name));
      writeFileSync(join(directory, "terraform.tfvars.json"), JSON.stringify({ ...POD, ...variables }));
      // In place of the resource, whose provider is not here.
      writeFileSync(join(directory, "account.tf"), `locals {\n  google_service_account = ${account}\n}\n`);
      return JSON.parse(JSON.parse(terraform(["console"], directory, "local.trust_policy\n")) as string);
    }

    it("when it trusts a Google service account", () => {
      const policy = evaluate({}, `{ unique_id = "${UNIQUE_ID}" }`);
      expect(policy).toEqual(createTrustPolicy({ serviceAccountUniqueId: UNIQUE_ID }));
    });

    it("when it trusts clusters, with an audience of its own", () => {
      const policy = evaluate({ oidc_provider_arns: arns, audience: "aws" }, "null");
      const workload = { namespace: "shop", serviceAccountName: "orders" };
      expect(policy).toEqual(createTrustPolicy({ issuer, awsAccountId: "123456789012", audience: "aws", ...workload }));
    });

    it("when it trusts both, and two audiences of the Google service account: one statement for each", () => {
      const variables = { oidc_provider_arns: arns, google_audiences: ["sts.amazonaws.com", "gcp"] };
      const policy = evaluate(variables, `{ unique_id = "${UNIQUE_ID}" }`);
      const workload = { namespace: "shop", serviceAccountName: "orders" };
      expect(policy).toEqual({
        Version: "2012-10-17",
        Statement: [
          createTrustPolicy({ serviceAccountUniqueId: UNIQUE_ID }),
          createTrustPolicy({ serviceAccountUniqueId: UNIQUE_ID, audience: "gcp" }),
          createTrustPolicy({ issuer, awsAccountId: "123456789012", ...workload }),
        ].flatMap(({ Statement }) => Statement),
      });
    });

    const account = { project_id: "shop", account_id: "orders", cluster_projects: ["shop"] };
    it.each<[string, Readonly<Record<string, unknown>>, RegExp | undefined]>([
      ["nothing", {}, /Set google_service_account, oidc_provider_arns, or both/],
      ["a Google service account", { google_service_account: account }, undefined],
      ["clusters", { oidc_provider_arns: arns }, undefined],
      ["both", { google_service_account: account, oidc_provider_arns: arns }, undefined],
      [
        "too many clusters",
        { oidc_provider_arns: [...arns, ...arns, ...arns] },
        /has \d{4} characters, but the quota is 2048/,
      ],
      [
        "as many with a raised quota",
        { oidc_provider_arns: [...arns, ...arns, ...arns], trust_policy_quota: 4096 },
        undefined,
      ],
    ])("and its preconditions are checked when it trusts %s", (_, variables, refusal) => {
      const main = readFileSync(join("examples", "terraform-role", "main.tf"), "utf8");
      const [lifecycle] = /^ {2}lifecycle \{[\s\S]*?^ {2}\}/m.exec(main)!;
      writeFileSync(join(directory, "main.tf"), `resource "terraform_data" "role" {\n${lifecycle}\n}\n`);
      evaluate(variables, "google_service_account" in variables ? `{ unique_id = "${UNIQUE_ID}" }` : "null");
      terraform(["init"], directory);
      const { status, stderr } = spawnSync("terraform", ["plan", "-no-color"], {
        cwd: directory,
        env,
        encoding: "utf8",
      });
      expect(stderr.replaceAll(/[\s│╷╵]+/g, " ")).toMatch(refusal ?? /^$/);
      expect(status).toBe(refusal ? 1 : 0);
    });
  },
);

describe("docs/how-to/terraform.md", () => {
  const blocks = blocksOf(PAGE).filter(({ language }) => language === "hcl");

  it("calls the modules with arguments that they declare, and with all that they require", () => {
    const calls = blocks.flatMap(({ code }) => [...code.matchAll(/^module "\w+" \{\n([\s\S]*?)^\}/gm)]);
    expect(calls.length).toBeGreaterThan(2);
    for (const [, body = ""] of calls) {
      const [, module = ""] = /source += "\.\/([\w-]+)"/.exec(body)!;
      const set = [...body.matchAll(/^ {2}(\w+) +=/gm)].map(([, name]) => name!);
      const given = set.filter((name) => !["source", "for_each", "providers"].includes(name));
      const declared = declaredIn(module);
      expect(declared.map(({ name }) => name)).toEqual(expect.arrayContaining(given));
      expect(given).toEqual(expect.arrayContaining(declared.filter((one) => one.isRequired).map(({ name }) => name)));
    }
  });

  it.skipIf(!hasTerraform)("shows files that terraform reads, beside the modules", () => {
    const files = blocks.filter(({ label }) => label === "main.tf");
    expect(files).toHaveLength(2);
    for (const { code } of files) {
      rmSync(directory, { recursive: true });
      for (const module of MODULES) cpSync(join("examples", module), join(directory, module), { recursive: true });
      writeFileSync(join(directory, "main.tf"), code);
      expect(terraform(["fmt", "-check", "-diff"], directory)).toBe("");
      terraform(["get"], directory);
    }
  });
});
