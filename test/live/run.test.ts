import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createTrustPolicy } from "../../src/index.js";
import { startAwsSts, startGoogleMetadataServer } from "../../src/testing/index.js";
import { isInstalled } from "../support/is-installed.js";
import { runNode } from "../support/run-node.js";
import { startFakeCluster } from "./fake-cluster.js";
import { startOurs } from "./ours.mjs";

const SERVICE_ACCOUNT = {
  apiVersion: "v1",
  kind: "ServiceAccount",
  metadata: {
    name: "reader",
    annotations: { "iam.gke.io/gcp-service-account": "reader@example-project.iam.gserviceaccount.com" },
  },
};

/** The live check with real kubectl, on a cluster whose pods have the testing servers around them. */
async function setUp(annotated = true) {
  const clouds = await startOurs({ createTrustPolicy, startAwsSts, startGoogleMetadataServer });
  const existing = annotated ? SERVICE_ACCOUNT : { ...SERVICE_ACCOUNT, metadata: { name: "reader" } };
  const cluster = await startFakeCluster([existing], (name) => {
    const pod = (Object.keys(clouds.servers) as (keyof typeof clouds.servers)[]).find((one) =>
      name.endsWith(`-${one}`),
    );
    return {
      GCE_METADATA_HOST: clouds.servers[pod ?? "linked"].host,
      AWS_ENDPOINT_URL_STS: clouds.sts.url,
      // As the testing servers call it in their answers.
      NAMESPACE: "default",
      SERVICE_ACCOUNT: "default",
    };
  });
  const home = await mkdtemp(join(tmpdir(), "live-home-"));
  const flags = ["--namespace", "orders", "--service-account", "reader", "--region", "us-east-1"];
  return {
    clouds,
    cluster,
    run: () =>
      runNode(["test/live/run.mjs", ...flags, "--role-arn", clouds.roleArn], {
        env: { KUBECONFIG: cluster.kubeconfig, HOME: home },
        limitMs: 100_000,
      }),
    [Symbol.asyncDispose]: async () => {
      await Promise.all([clouds.close(), cluster[Symbol.asyncDispose](), rm(home, { recursive: true })]);
    },
  };
}

describe.skipIf(!isInstalled("kubectl"))("npm run live, with kubectl and a fake API server", () => {
  it("prints what doctor says and that each answer is the same, and deletes all that it created", async () => {
    await using live = await setUp();
    const { code, stdout, stderr } = await live.run();
    expect(stderr).toBe("");
    expect(stdout).toContain("✓ audience pinned");
    expect(stdout.match(/^\| .* \| yes \|$/gm)).toHaveLength(32);
    expect(stdout.match(/^\| .* \| no \|$/gm)).toBeNull();
    expect([code, stdout.trim().split("\n").at(-1)]).toEqual([0, "32 of 32 answers are the same."]);
    expect(live.cluster.resources()).toEqual(["ServiceAccount/reader"]);
    const { issuedSecrets } = live.clouds.sts;
    const secrets = [...live.clouds.servers.linked.issuedTokens, ...issuedSecrets()];
    expect(secrets.length).toBeGreaterThan(5);
    for (const secret of secrets) expect(stdout).not.toContain(secret);
  });

  it("prints both answers and fails when one differs", async () => {
    await using live = await setUp();
    live.clouds.servers.missing.clearFaults();
    live.clouds.servers.missing.injectFault({ kind: "status", status: 404, body: "Gaia id not found" });
    const { code, stdout } = await live.run();
    expect(stdout.match(/^\| .* \| no \|$/gm)).toEqual([
      expect.stringMatching(
        /^\| a Google service account that does not exist: identity \| 404.*email \| 404.*; Gaia id not found \|/,
      ),
    ]);
    expect(code).toBe(1);
    expect(live.cluster.resources()).toEqual(["ServiceAccount/reader"]);
  });

  it("fails when doctor finds a broken step", async () => {
    await using live = await setUp();
    live.clouds.sts.injectFault({ kind: "error", code: "AccessDenied" });
    const { code, stdout } = await live.run();
    expect(stdout).toContain("doctor found a broken step");
    expect(stdout).toMatch(/^\| STS: a session \| 200.*\| 403.*AccessDenied.*\| no \|$/m);
    expect(code).toBe(1);
  });

  it("says what is missing when the service account is not linked to a Google service account", async () => {
    await using live = await setUp(false);
    const { code, stderr } = await live.run();
    expect(stderr).toContain("reader in orders has no annotation iam.gke.io/gcp-service-account");
    expect(code).toBe(1);
    expect(live.cluster.resources()).toEqual(["ServiceAccount/reader"]);
  });
});

it("prints its usage when a flag is missing", async () => {
  const { code, stderr } = await runNode(["test/live/run.mjs", "--namespace", "orders"]);
  expect([code, stderr]).toEqual([2, expect.stringContaining("usage: npm run live --")]);
});
