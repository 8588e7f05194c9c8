import { chmod, mkdir, readFile, symlink } from "node:fs/promises";
import { join } from "node:path";
import type { IJob } from "kubernetes-models/batch/v1";
import { afterAll, beforeAll, expect, it } from "vitest";
import { parseAllDocuments } from "yaml";
import { startListBucketsServer } from "../../examples/demo/list-buckets-server.mjs";
import { createTrustPolicy } from "../../src/index.js";
import { type AwsSts, type ClusterIssuer, startAwsSts, startClusterIssuer } from "../../src/testing/index.js";
import { type InstalledPackage, installPackage } from "../package/installed.js";
import type { Block } from "../support/markdown.js";
import { createReader, describeInShells, type Reader, shownBy, wrongTurns } from "../support/reader.js";
import { startTwoClouds, type TwoClouds, UNIQUE_ID } from "../support/two-clouds.js";

const PAGE = "docs/getting-started.md";
const ROLE_ARN = "arn:aws:iam::123456789012:role/orders";
const EMAIL = "orders@example-project.iam.gserviceaccount.com";

let app: InstalledPackage;
let clouds: TwoClouds;
let s3: Awaited<ReturnType<typeof startListBucketsServer>>;

beforeAll(async () => {
  app = await installPackage();
  const modules = join(app.directory, "node_modules");
  const command = join(modules, "gke-aws-credentials", "dist", "cli.cjs");
  await mkdir(join(modules, ".bin"));
  await symlink(command, join(modules, ".bin", "gke-aws-credentials"));
  await chmod(command, 0o755);
  const role = { arn: ROLE_ARN, trustPolicy: createTrustPolicy({ serviceAccountUniqueId: UNIQUE_ID }) };
  clouds = await startTwoClouds({ roles: [role] }, { serviceAccount: { email: EMAIL, uniqueId: UNIQUE_ID } });
  s3 = await startListBucketsServer({ sts: clouds.sts, buckets: ["invoices", "orders"] });
});
afterAll(() => Promise.all([app[Symbol.asyncDispose](), s3.close(), clouds[Symbol.asyncDispose]()]));

const podEnvironment = (): Record<string, string> => ({
  FAKE_UNIQUE_ID: UNIQUE_ID,
  FAKE_ROLE_ARN: ROLE_ARN,
  POD_CLOUDS: JSON.stringify({
    GCE_METADATA_HOST: clouds.metadata.host,
    AWS_ENDPOINT_URL_STS: clouds.sts.url,
    AWS_ENDPOINT_URL_S3: s3.url,
  }),
});

/** The blocks of steps A or of steps B. */
const wayOnly =
  (way: "A" | "B") =>
  ({ heading, label }: Block): boolean => {
    const other = way === "A" ? "B" : "A";
    return label !== other && !new RegExp(`^${other}\\d\\.`).test(heading);
  };

describeInShells("docs/getting-started.md, with a Google service account", (shell) => {
  let reader: Reader;
  let pasted: Awaited<ReturnType<Reader["follow"]>>;
  beforeAll(async () => {
    reader = await createReader(shell, app, podEnvironment());
    pasted = await reader.follow(PAGE, wayOnly("A"));
  }, 120_000);
  afterAll(() => reader[Symbol.asyncDispose]());

  it("reaches the end without a wrong turn", () => {
    expect(wrongTurns(pasted)).toEqual([]);
    expect(shownBy(pasted)).toContain("[ 'invoices', 'orders' ]");
  });

  it("checks the whole chain with doctor, and finds nothing wrong", () => {
    expect(shownBy(pasted)).toMatch(/✓ audience pinned/);
    expect(shownBy(pasted)).not.toMatch(/✗|undefined/);
  });

  it("creates the role with the trust policy of createTrustPolicy", async () => {
    expect(JSON.parse(await reader.state("trust-policy.json"))).toEqual(
      createTrustPolicy({ serviceAccountUniqueId: UNIQUE_ID }),
    );
  });

  it("binds one service account to the other, and gives neither a role in the project", async () => {
    const calls = await reader.calls();
    expect(calls).toContain("--member serviceAccount:example-project.svc.id.goog[shop/orders]");
    expect(calls).toContain(`iam.gke.io/gcp-service-account=${EMAIL}`);
    expect(calls).not.toMatch(
      /projects add-iam-policy-binding|FullAccess|iam-policy-binding .*roles\/(?!iam\.workloadIdentityUser|artifactregistry\.reader)/,
    );
  });

  it("runs doctor in a pod that Pod Security admits as restricted, in the version that is installed", async () => {
    const [job] = parseAllDocuments(await reader.state("applied.yaml")).map(
      (document) => document.toJS() as IJob | null,
    );
    const { containers, securityContext } = job!.spec!.template.spec!;
    expect(securityContext).toEqual({
      runAsNonRoot: true,
      runAsUser: 1000,
      seccompProfile: { type: "RuntimeDefault" },
    });
    expect(containers[0]!.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      capabilities: { drop: ["ALL"] },
    });
    const { version } = JSON.parse(await readFile("package.json", "utf8")) as { version: string };
    expect(containers[0]!.command).toEqual(["npx", "--yes", `gke-aws-credentials@${version}`, "doctor"]);
  });

  it("fills in every variable that it uses", async () => {
    const applied = await reader.state("applied.yaml");
    expect(applied).toContain(`value: ${ROLE_ARN}`);
    expect(`${await reader.calls()}${applied}`).not.toMatch(/\$[A-Z]|= |""/);
  });
});

describeInShells("docs/getting-started.md, with the cluster's own issuer", (shell) => {
  it("reaches the end without a wrong turn, and creates the role with the trust policy of createTrustPolicy", async () => {
    const awsAccountId = "123456789012";
    await using cluster: ClusterIssuer = await startClusterIssuer();
    const trustPolicy = createTrustPolicy({
      issuer: cluster.issuer,
      awsAccountId,
      namespace: "shop",
      serviceAccountName: "orders",
    });
    await using sts: AwsSts = await startAwsSts({
      oidcProviders: [cluster.oidcProvider(awsAccountId)],
      roles: [{ arn: ROLE_ARN, trustPolicy }],
    });
    await using token = cluster.projectToken({ namespace: "shop", serviceAccountName: "orders" });
    const buckets = await startListBucketsServer({ sts, buckets: ["invoices", "orders"] });
    await using reader = await createReader(shell, app, {
      ...podEnvironment(),
      ISSUER_URL: cluster.issuer,
      POD_TOKEN: token.file,
      POD_CLOUDS: JSON.stringify({ AWS_ENDPOINT_URL_STS: sts.url, AWS_ENDPOINT_URL_S3: buckets.url }),
    });
    try {
      const pasted = await reader.follow(PAGE, wayOnly("B"));
      expect(wrongTurns(pasted)).toEqual([]);
      expect(shownBy(pasted)).toContain("[ 'invoices', 'orders' ]");
      expect(shownBy(pasted)).not.toMatch(/✗|undefined/);
      expect(JSON.parse(await reader.state("trust-policy.json"))).toEqual(trustPolicy);
      const calls = await reader.calls();
      expect(calls).toContain(
        `create-open-id-connect-provider --url ${cluster.issuer} --client-id-list sts.amazonaws.com`,
      );
      expect(calls).not.toContain("gcloud iam");
    } finally {
      await buckets.close();
    }
  }, 120_000);
});

describeInShells("docs/how-to/rehearse.md", (shell) => {
  it("lists the buckets of the embedded S3, and leaves no server behind", async () => {
    await using reader = await createReader(shell, app, {});
    const pasted = await reader.follow("docs/how-to/rehearse.md");
    expect(wrongTurns(pasted)).toEqual([]);
    expect(shownBy(pasted)).toContain("[ 'orders', 'invoices' ]");
    expect(shownBy(pasted)).toContain("✓ audience pinned");
  }, 60_000);
});

describeInShells("docs/how-to/terraform.md", (shell) => {
  it.each(["With a Google service account", "With the cluster's own issuer"])(
    "applies its modules: %s",
    async (way) => {
      await using reader = await createReader(shell, app, podEnvironment());
      const pasted = await reader.follow(
        "docs/how-to/terraform.md",
        ({ heading }) => heading === way || !heading.startsWith("With "),
      );
      expect(wrongTurns(pasted)).toEqual([]);
      const applied = await reader.state("main.tf");
      expect(applied).toContain(way.includes("Google") ? "google_service_account = {" : "oidc_provider_arns ");
      expect(await reader.state("modules")).toMatch(
        /terraform-oidc-providers\/main\.tf[\s\S]*terraform-role\/main\.tf/,
      );
      expect(await reader.calls()).toContain(
        `annotate serviceaccount orders --namespace shop amazonaws.com/role-arn=${ROLE_ARN}`,
      );
    },
  );
});
