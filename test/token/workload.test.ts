import { describe, expect, it, vi } from "vitest";
import { startGoogleMetadataServer } from "../../src/testing/index.js";
import { describeWorkload, readKubernetesToken } from "../../src/token/workload.js";
import { podDirectory, unsignedToken } from "../support/pod-token.js";

const POD_TOKEN = unsignedToken({ iss: "https://kubernetes.default.svc", sub: "system:serviceaccount:shop:orders" });
const POD = { namespace: "shop", kubernetesServiceAccount: "orders" };

describe("readKubernetesToken", () => {
  it("gives issuer and subject, and leaves out what is not a string", async () => {
    await using pod = await podDirectory(`${POD_TOKEN}\n`);
    expect(await readKubernetesToken(pod.directory)).toEqual({
      iss: "https://kubernetes.default.svc",
      sub: "system:serviceaccount:shop:orders",
    });
    await using odd = await podDirectory(unsignedToken({ iss: { toString: 1 }, sub: ["x"] }));
    expect(await readKubernetesToken(odd.directory)).toEqual({});
  });

  it.each([undefined, "not a token"])("gives nothing when the file holds %j", async (text) => {
    await using pod = await podDirectory(text);
    expect(await readKubernetesToken(pod.directory)).toBeUndefined();
  });
});

describe("describeWorkload", () => {
  it("asks the metadata server and reads the pod's own Kubernetes token", async () => {
    await using metadata = await startGoogleMetadataServer();
    await using pod = await podDirectory(POD_TOKEN);
    vi.stubEnv("GCE_METADATA_HOST", metadata.host);
    expect(await describeWorkload(1_000, pod.directory)).toEqual({
      projectId: "example-project",
      serviceAccountEmail: "reader@example-project.iam.gserviceaccount.com",
      ...POD,
    });
  });

  it("takes the project from the workload pool when there is no Google service account", async () => {
    await using metadata = await startGoogleMetadataServer({ serviceAccount: null, projectId: "pool-project" });
    vi.stubEnv("GCE_METADATA_HOST", metadata.host);
    expect(await describeWorkload(1_000, "/no/such/directory")).toMatchObject({
      projectId: "pool-project",
      serviceAccountEmail: "pool-project.svc.id.goog",
      namespace: undefined,
    });
  });

  it("gives what it finds, in time, when the metadata server hangs", async () => {
    await using metadata = await startGoogleMetadataServer();
    metadata.injectFault({ kind: "hang" });
    vi.stubEnv("GCE_METADATA_HOST", metadata.host);
    await using pod = await podDirectory(POD_TOKEN);
    const start = performance.now();
    expect(await describeWorkload(200.5, pod.directory)).toEqual(POD);
    expect(performance.now() - start).toBeLessThan(1_000);
  });

  it("omits a namespace that is not a name", async () => {
    vi.stubEnv("GCE_METADATA_HOST", "127.0.0.1:1");
    await using pod = await podDirectory(unsignedToken({ sub: "system:serviceaccount:shop:$(id)" }));
    expect(await describeWorkload(1_000, pod.directory)).toEqual({});
  });
});
