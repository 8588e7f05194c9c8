import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startListBucketsServer } from "../../examples/demo/list-buckets-server.mjs";
import { createTrustPolicy } from "../../src/index.js";
import { type InstalledPackage, installPackage } from "../package/installed.js";
import { type Block, blocksOf } from "../support/markdown.js";
import { startTwoClouds, type TwoClouds, UNIQUE_ID } from "../support/two-clouds.js";

const PAGE = "docs/getting-started.md";
const ROLE_ARN = "arn:aws:iam::123456789012:role/orders";
const EMAIL = "orders@example-project.iam.gserviceaccount.com";

/** Stands in for a cloud's command line: writes down each call, and answers the few whose answer the page uses. */
const CLOUD_COMMAND = `#!/bin/bash
printf '%s\\n' "$(basename "$0") $*" >> "$CALLS"
case "$(basename "$0") $*" in
  "gcloud iam service-accounts describe "*) echo "$FAKE_UNIQUE_ID" ;;
  "aws iam create-role "*) cp trust-policy.json "$ROLE" ;;
  "aws iam get-role "*) echo "$FAKE_ROLE_ARN" ;;
  "kubectl run "*)
    # The pod: what stands behind -- runs here, with the pod's variables and its clouds.
    while [ "$1" != -- ]; do
      if [ "$1" = --env ]; then export "$2"; fi
      shift
    done
    shift
    GCE_METADATA_HOST=$POD_METADATA AWS_ENDPOINT_URL_STS=$POD_STS "$@" ;;
  "kubectl apply "*) cat > "$APPLIED" ;;
  "kubectl logs "*) GCE_METADATA_HOST=$POD_METADATA AWS_ENDPOINT_URL_STS=$POD_STS AWS_ENDPOINT_URL_S3=$POD_S3 AWS_ROLE_ARN=$FAKE_ROLE_ARN node list-buckets.mjs ;;
esac
`;

let app: InstalledPackage;
let home: string;
let clouds: TwoClouds;
let s3: Awaited<ReturnType<typeof startListBucketsServer>>;

beforeAll(async () => {
  app = await installPackage();
  home = await mkdtemp(join(tmpdir(), "getting-started-"));
  const bin = join(home, "bin");
  await mkdir(bin);
  for (const name of ["gcloud", "kubectl", "aws"]) await writeFile(join(bin, name), CLOUD_COMMAND);
  // In the registry's place: the packed tarball, and this repository's own dependencies.
  await writeFile(
    join(bin, "npm"),
    `#!/bin/bash\nif [ "$1" = install ]; then ln -s "${app.directory}/node_modules" node_modules; else exec "${join(process.execPath, "..", "npm")}" "$@"; fi\n`,
  );
  for (const name of ["gcloud", "kubectl", "aws", "npm"]) await chmod(join(bin, name), 0o755);
  const installed = join(app.directory, "node_modules");
  await mkdir(join(installed, ".bin"));
  await symlink(
    join(installed, "gke-aws-credentials", "dist", "cli.cjs"),
    join(installed, ".bin", "gke-aws-credentials"),
  );
  await chmod(join(installed, "gke-aws-credentials", "dist", "cli.cjs"), 0o755);

  const role = { arn: ROLE_ARN, trustPolicy: createTrustPolicy({ serviceAccountUniqueId: UNIQUE_ID }) };
  clouds = await startTwoClouds({ roles: [role] }, { serviceAccount: { email: EMAIL, uniqueId: UNIQUE_ID } });
  s3 = await startListBucketsServer({ sts: clouds.sts, buckets: ["invoices", "orders"] });
});
afterAll(() =>
  Promise.all([app[Symbol.asyncDispose](), s3.close(), clouds[Symbol.asyncDispose](), rm(home, { recursive: true })]),
);

/** The page's files and commands as one script, in the order in which a reader meets them. */
const toScript = (blocks: readonly Block[]): string =>
  blocks
    .flatMap(({ language, label, code }) => {
      if (language === "sh") return label === "Terraform" ? [] : [code];
      return label?.includes(".") || label === "Dockerfile"
        ? [`cat > '${label}' <<'END OF FILE'\n${code}END OF FILE`]
        : [];
    })
    .join("\n");

/** Runs it as a reader's shell does, but ends at the first command that fails. */
async function walk(script: string): Promise<{ code: number; stdout: string; stderr: string }> {
  const env = {
    PATH: `${join(home, "bin")}:${join(process.execPath, "..")}:${process.env.PATH}`,
    HOME: home,
    NODE_NO_WARNINGS: "1",
    CALLS: join(home, "calls"),
    APPLIED: join(home, "applied.yaml"),
    ROLE: join(home, "role.json"),
    FAKE_UNIQUE_ID: UNIQUE_ID,
    FAKE_ROLE_ARN: ROLE_ARN,
    POD_METADATA: clouds.metadata.host,
    POD_STS: clouds.sts.url,
    POD_S3: s3.url,
    AWS_CONFIG_FILE: "/dev/null",
    AWS_SHARED_CREDENTIALS_FILE: "/dev/null",
  };
  const child = spawn("bash", ["-euo", "pipefail"], { cwd: home, env, stdio: "pipe", detached: true });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk) => (stdout += chunk));
  child.stderr.on("data", (chunk) => (stderr += chunk));
  child.stdin.end(script);
  // The page's servers run behind the shell: where it ends early they would not end with it.
  const end = (): boolean => process.kill(-child.pid!, "SIGKILL");
  const timer = setTimeout(end, 50_000);
  const closed = once(child, "close");
  const [code] = (await once(child, "exit")) as [number];
  clearTimeout(timer);
  try {
    end();
  } catch {}
  await closed;
  return { code, stdout, stderr };
}

describe("docs/getting-started.md, followed in an empty folder with both clouds embedded", () => {
  let walked: Awaited<ReturnType<typeof walk>>;
  beforeAll(async () => {
    walked = await walk(toScript(blocksOf(PAGE)));
  });

  it("reaches ListBuckets in the pod, and in the rehearsal", () => {
    const { code, stdout, stderr } = walked;
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.any(String) });
    // Once as the job's log, once in the rehearsal, whose clouds are those of the page.
    expect(stdout).toContain("[ 'invoices', 'orders' ]");
    expect(stdout).toContain("[ 'orders', 'invoices' ]");
    // doctor, in the pod and in the rehearsal: nothing broken, and the audience pinned.
    expect(stdout.match(/✓ audience pinned/g)).toHaveLength(2);
    expect(`${stdout}${stderr}`).not.toMatch(/✗|undefined/);
  });

  it("rehearses with names of the reader's own making, before there is any cloud", async () => {
    const needed = ["Before you begin", "8. Write it", "Rehearse it on your machine"];
    const blocks = blocksOf(PAGE).filter(({ heading }) => needed.includes(heading));
    const { code, stdout, stderr } = await walk(`mkdir rehearsal\ncd rehearsal\n${toScript(blocks)}`);
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.any(String) });
    expect(stdout).toContain("[ 'orders', 'invoices' ]");
    expect(stdout).toContain("✓ audience pinned");
  });

  it("creates the role with the trust policy of createTrustPolicy, which the pod printed too", async () => {
    const made = await readFile(join(home, "role.json"), "utf8");
    expect(JSON.parse(made)).toEqual(createTrustPolicy({ serviceAccountUniqueId: UNIQUE_ID }));
    expect(walked.stdout).toContain(made);
    const calls = await readFile(join(home, "calls"), "utf8");
    expect(calls).toContain(
      "aws iam create-role --role-name orders --assume-role-policy-document file://trust-policy.json",
    );
    expect(JSON.parse(await readFile(join(home, "orders-service", "permissions.json"), "utf8")).Statement).toHaveLength(
      1,
    );
  });

  it("binds one service account to the other, and gives neither a role in the project", async () => {
    const calls = await readFile(join(home, "calls"), "utf8");
    expect(calls).toContain("--member serviceAccount:example-project.svc.id.goog[orders/orders]");
    expect(calls).toContain(`iam.gke.io/gcp-service-account=${EMAIL}`);
    expect(calls).not.toMatch(/projects add-iam-policy-binding|FullAccess|roles\/(?!iam\.workloadIdentityUser)/);
  });

  it("fills in every variable, and uses none that it does not set", async () => {
    const [calls, applied] = await Promise.all([
      readFile(join(home, "calls"), "utf8"),
      readFile(join(home, "applied.yaml"), "utf8"),
    ]);
    expect(applied).toContain(`value: ${ROLE_ARN}`);
    expect(`${calls}${applied}`).not.toMatch(/\$[A-Z]|= |""/);
  });

  it("speaks of every step of the article, with what is different", async () => {
    const steps = [
      "GCP 1",
      "GCP 2",
      "GCP 3",
      "GCP 4",
      "GCP 5",
      "gsutil ls",
      "AWS 1",
      "AWS 2",
      "AWS 3",
      "janus.py",
      "ConfigMap",
      "credential_process",
    ];
    const [, table = ""] = (await readFile(PAGE, "utf8")).split("## If you know the article");
    const rows = table.split("\n").filter((line) => line.startsWith("| "));
    for (const step of steps)
      expect([step, rows.some((row) => row.split("|")[1]?.includes(step))]).toEqual([step, true]);
    for (const row of rows) expect(row.split("|")[3]?.trim().length).toBeGreaterThan(5);
  });
});
