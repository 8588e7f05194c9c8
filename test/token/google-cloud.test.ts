import { gcpMetadata } from "google-auth-library";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { startDeadline } from "../../src/lib/time.js";
import { startGoogleMetadataServer } from "../../src/testing/index.js";
import { createGoogleCloudCheck, expectMetadataServer, waitForMetadataServer } from "../../src/token/google-cloud.js";
import { podDirectory, unsignedToken } from "../support/pod-token.js";

// With the real well-known address, in networks of their own: test/integration/platforms.slow.test.ts.

const GKE = "https://container.googleapis.com/v1/projects/p/locations/europe-west1/clusters/c";
const EKS = "https://oidc.eks.eu-west-1.amazonaws.com/id/0123456789ABCDEF";
const detection = (value: string) => vi.stubEnv("METADATA_SERVER_DETECTION", value);
const onGoogleMachine = (isGoogle: boolean) => gcpMetadata.setGCPResidency(isGoogle);
const notHere = (reason: string) => ({
  code: "NOT_ON_GOOGLE_CLOUD",
  tryNextLink: true,
  message: `This process does not run on Google Cloud: ${reason} [NOT_ON_GOOGLE_CLOUD]`,
});

async function inPod(issuer: string | undefined): Promise<string> {
  vi.stubEnv("KUBERNETES_SERVICE_HOST", "10.0.0.1");
  await using pod = await podDirectory(unsignedToken({ iss: issuer }));
  return await expectMetadataServer(pod.directory);
}

beforeEach(() => {
  detection("");
  onGoogleMachine(false);
});
afterEach(() => gcpMetadata.setGCPResidency());

describe("expectMetadataServer", () => {
  it.each(["GCE_METADATA_HOST", "GCE_METADATA_IP"])("is certain when %s is set, whatever else is", async (name) => {
    vi.stubEnv(name, "127.0.0.1:1");
    detection("none");
    expect(await inPod(EKS)).toBe("certain");
  });

  it.each([
    ["assume-present", false, "certain"],
    [" Assume-Present\n", false, "certain"],
    ["bios-only", true, "certain"],
    ["ping-only", true, "unknown"],
  ])("follows METADATA_SERVER_DETECTION before the pod's token when it is %j", async (value, isGoogle, expected) => {
    detection(value);
    onGoogleMachine(isGoogle);
    expect(await inPod(GKE)).toBe(expected);
    expect(await inPod(EKS)).toBe(expected);
  });

  it("takes a serverless variable for Google's BIOS when METADATA_SERVER_DETECTION is bios-only", async () => {
    detection("bios-only");
    await expect(inPod(GKE)).rejects.toMatchObject(
      notHere("METADATA_SERVER_DETECTION is bios-only, and the BIOS is not Google's"),
    );
    vi.stubEnv("GAE_ENV", "standard");
    expect(await inPod(GKE)).toBe("certain");
  });

  it("says that this is not Google Cloud when METADATA_SERVER_DETECTION is none", async () => {
    detection("NONE");
    onGoogleMachine(true);
    vi.stubEnv("K_SERVICE", "orders");
    await expect(inPod(GKE)).rejects.toMatchObject(notHere("METADATA_SERVER_DETECTION is none"));
  });

  it.each(["yes", "ping", "constructor", " "])("refuses METADATA_SERVER_DETECTION when it is %j", async (value) => {
    detection(value);
    await expect(inPod(GKE)).rejects.toMatchObject({
      code: "INVALID_CONFIGURATION",
      tryNextLink: false,
      message: `METADATA_SERVER_DETECTION is ${JSON.stringify(value)}, but must be assume-present, none, bios-only, ping-only or not set [INVALID_CONFIGURATION]`,
    });
  });

  it("is certain when the pod's token is of GKE", async () => {
    expect(await inPod(GKE)).toBe("certain");
  });

  it.each([
    [EKS, "EKS"],
    ["https://oidc.eks.cn-north-1.amazonaws.com.cn/id/0123", "EKS"],
    ["https://oidc-eks.us-east-1.api.aws/id/0123", "EKS"],
    ["https://eastus.oic.prod-aks.azure.com/tenant/id/", "AKS"],
    ["https://chinaeast2.oic.prod-aks.azure.cn/tenant/id/", "AKS"],
    ["https://usgovvirginia.oic.prod-aks.azure.us/tenant/id/", "AKS"],
  ])("says that this is not Google Cloud when the pod's token is of %s", async (issuer, cloud) => {
    onGoogleMachine(true);
    vi.stubEnv("K_SERVICE", "orders");
    await expect(inPod(issuer)).rejects.toMatchObject(
      notHere(`the pod's Kubernetes token is of ${cloud}, ${new URL(issuer).hostname}`),
    );
  });

  it.each([
    "https://kubernetes.default.svc.cluster.local",
    "https://container.googleapis.com.example.com/v1",
    "http://container.googleapis.com/v1",
    "https://example.com/container.googleapis.com",
    "https://oidc.eks.eu-west-1.amazonaws.com.example.com/id/1",
    "kubernetes/serviceaccount",
    "",
    undefined,
  ])("goes on to the next hints when the pod's token is of %s", async (issuer) => {
    expect(await inPod(issuer)).toBe("unknown");
    onGoogleMachine(true);
    expect(await inPod(issuer)).toBe("likely");
  });

  it.each([
    "K_SERVICE",
    "CLOUD_RUN_JOB",
    "CLOUD_RUN_WORKER_POOL",
    "FUNCTION_NAME",
    "GAE_ENV",
    "KUBERNETES_SERVICE_HOST",
  ])("takes Google Cloud for likely when %s is set", async (name) => {
    expect(await expectMetadataServer("/no/such/directory")).toBe("unknown");
    vi.stubEnv(name, "orders");
    expect(await expectMetadataServer("/no/such/directory")).toBe("likely");
  });
});

describe("createGoogleCloudCheck", () => {
  const wellKnown = gcpMetadata.HOST_ADDRESS;
  /** Lets the well-known address lead elsewhere. */
  const moveWellKnown = (url: string) => Object.assign(gcpMetadata, { HOST_ADDRESS: url });
  const likely = () => vi.stubEnv("K_SERVICE", "orders");
  beforeEach(() => vi.stubEnv("KUBERNETES_SERVICE_HOST", undefined));
  afterEach(() => moveWellKnown(wellKnown));

  it.each([true, false])("asks no more when the address has answered (likely: %s)", async (isLikely) => {
    await using metadata = await startGoogleMetadataServer();
    metadata.injectFault({ kind: "status", status: 503 });
    moveWellKnown(metadata.url);
    if (isLikely) likely();
    const requireGoogleCloud = createGoogleCloudCheck();
    for (let time = 0; time < 2; time += 1) await requireGoogleCloud(startDeadline(5_000));
    expect(metadata.requests).toHaveLength(1);
  });

  it("rejects after one request when something else answers with a status below 500", async () => {
    await using metadata = await startGoogleMetadataServer();
    moveWellKnown(metadata.url);
    metadata.injectFault({ kind: "wrongFlavor" });
    const rejected = { code: "NOT_ON_GOOGLE_CLOUD", message: expect.stringContaining("Metadata-Flavor: Google") };
    await expect(createGoogleCloudCheck()(startDeadline(5_000))).rejects.toMatchObject(rejected);
    likely();
    await expect(createGoogleCloudCheck()(startDeadline(5_000))).rejects.toMatchObject(rejected);
    expect(metadata.requests).toHaveLength(2);
  });

  it.each([
    [true, "METADATA_UNAVAILABLE"],
    [false, "NOT_ON_GOOGLE_CLOUD"],
  ])("lets a chain go on when nothing answers, and asks again later (likely: %s)", async (isLikely, code) => {
    await using metadata = await startGoogleMetadataServer();
    moveWellKnown(metadata.url);
    if (isLikely) likely();
    await metadata.refuseConnections();
    const requireGoogleCloud = createGoogleCloudCheck();
    const message = expect.stringContaining("ECONNREFUSED");
    await expect(requireGoogleCloud(startDeadline(300))).rejects.toMatchObject({ code, tryNextLink: true, message });
    await metadata.acceptConnections();
    await expect(requireGoogleCloud(startDeadline(5_000))).resolves.toBeUndefined();
  });

  it("waits for one second only, for a minute, when a longer wait was in vain", async () => {
    moveWellKnown("http://127.0.0.1:1");
    likely();
    const requireGoogleCloud = createGoogleCloudCheck();
    const now = performance.now.bind(performance);
    const waitAfter = async (laterMs: number, timeoutMs: number): Promise<number> => {
      vi.spyOn(performance, "now").mockImplementation(() => now() + laterMs);
      const start = now();
      await expect(requireGoogleCloud(startDeadline(timeoutMs))).rejects.toMatchObject({ tryNextLink: true });
      return Math.round((now() - start) / 100) / 10;
    };
    await waitAfter(0, 300);
    expect(await waitAfter(30_000, 1_600)).toBeCloseTo(1, 0);
    expect(await waitAfter(55_000, 1_600)).toBeCloseTo(1, 0);
    expect(await waitAfter(61_000, 1_600)).toBeCloseTo(1.6, 0);
  });

  it("rejects when neither the IPv4 address nor the IPv6 address has a route", async () => {
    // A connection to the broadcast address has no route, on any machine.
    moveWellKnown("http://255.255.255.255");
    await expect(createGoogleCloudCheck()(startDeadline(300))).rejects.toMatchObject({ tryNextLink: true });
  });
});

describe("waitForMetadataServer", () => {
  it("waits for a server that is starting, and takes any status for an answer", async () => {
    await using metadata = await startGoogleMetadataServer({ refuseForMs: 400 });
    metadata.injectFault({ kind: "status", status: 503 });
    vi.stubEnv("GCE_METADATA_HOST", metadata.host);
    const answer = await waitForMetadataServer(startDeadline(5_000), () => true);
    expect(answer).toMatchObject({ status: 503, address: metadata.url });
  });
});
