import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { fakeIdTokenProvider, startGoogleMetadataServer } from "../../src/testing/index.js";
import { describeWorkload } from "../../src/token/workload.js";

const NOWHERE = "/no/such/directory";

async function podDirectory(sub: string) {
  const directory = await mkdtemp(join(tmpdir(), "pod-"));
  await writeFile(join(directory, "token"), await fakeIdTokenProvider({ claims: { sub } }).fetchIdToken("k8s"));
  return { directory, [Symbol.asyncDispose]: () => rm(directory, { recursive: true }) };
}

describe("a workload", () => {
  it("is described by the metadata server and the pod's own Kubernetes token", async () => {
    await using metadata = await startGoogleMetadataServer();
    await using pod = await podDirectory("system:serviceaccount:shop:orders");
    vi.stubEnv("GCE_METADATA_HOST", metadata.host);
    expect(await describeWorkload(1_000, pod.directory)).toEqual({
      projectId: "example-project",
      serviceAccountEmail: "reader@example-project.iam.gserviceaccount.com",
      namespace: "shop",
      kubernetesServiceAccount: "orders",
    });
  });

  it("without a Google service account has the project of its workload pool", async () => {
    await using metadata = await startGoogleMetadataServer({ serviceAccount: null, projectId: "pool-project" });
    vi.stubEnv("GCE_METADATA_HOST", metadata.host);
    expect(await describeWorkload(1_000, NOWHERE)).toMatchObject({
      projectId: "pool-project",
      serviceAccountEmail: "pool-project.svc.id.goog",
      namespace: undefined,
    });
  });

  it("is described as far as possible, in time, where nothing answers", async () => {
    await using metadata = await startGoogleMetadataServer();
    metadata.injectFault({ kind: "hang" });
    vi.stubEnv("GCE_METADATA_HOST", metadata.host);
    await using pod = await podDirectory("system:serviceaccount:shop:orders");
    const start = performance.now();
    expect(await describeWorkload(200.5, pod.directory)).toEqual({
      namespace: "shop",
      kubernetesServiceAccount: "orders",
    });
    expect(performance.now() - start).toBeLessThan(1_000);
  });

  it("never gives a value that a shell would read as more than a name", async () => {
    const email = "$(touch /tmp/x)@example.com";
    await using metadata = await startGoogleMetadataServer({
      serviceAccount: { email, uniqueId: "1" },
      projectId: "p; rm -rf /",
    });
    vi.stubEnv("GCE_METADATA_HOST", metadata.host);
    await using pod = await podDirectory("system:serviceaccount:shop:$(id)");
    expect(await describeWorkload(1_000, pod.directory)).toEqual({});
  });
});
