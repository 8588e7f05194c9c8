import { gcpMetadata } from "google-auth-library";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { startDeadline } from "../../src/lib/time.js";
import { startGoogleMetadataServer } from "../../src/testing/index.js";
import { createGoogleCloudCheck, waitForMetadataServer } from "../../src/token/google-cloud.js";

// With the real well-known address: test/integration/places.slow.test.ts, each place in a network of its own.

const check = () => createGoogleCloudCheck()(startDeadline(5_000));
const notHere = (reason: string) =>
  expect.objectContaining({ code: "NOT_ON_GOOGLE_CLOUD", tryNextLink: true, message: expect.stringContaining(reason) });
const detection = (value: string) => vi.stubEnv("METADATA_SERVER_DETECTION", value);

const WELL_KNOWN = gcpMetadata.HOST_ADDRESS;
/** Lets the well-known address lead elsewhere. */
const moveWellKnown = (url: string) => Object.assign(gcpMetadata, { HOST_ADDRESS: url });

afterEach(() => {
  gcpMetadata.setGCPResidency();
  moveWellKnown(WELL_KNOWN);
});

describe("createGoogleCloudCheck", () => {
  it.each(["GCE_METADATA_HOST", "GCE_METADATA_IP"])("asks nothing when %s names a server", async (name) => {
    vi.stubEnv(name, "127.0.0.1:1");
    await expect(check()).resolves.toBeUndefined();
  });

  it("asks nothing when METADATA_SERVER_DETECTION says that the server is there", async () => {
    detection("assume-present");
    await expect(check()).resolves.toBeUndefined();
  });

  it("believes the BIOS alone when METADATA_SERVER_DETECTION is bios-only", async () => {
    detection("bios-only");
    gcpMetadata.setGCPResidency(true);
    await expect(check()).resolves.toBeUndefined();
    gcpMetadata.setGCPResidency(false);
    await expect(check()).rejects.toEqual(notHere("METADATA_SERVER_DETECTION is bios-only"));
  });

  it("says no when METADATA_SERVER_DETECTION is none, also in Kubernetes and on Cloud Run", async () => {
    detection("none");
    vi.stubEnv("KUBERNETES_SERVICE_HOST", "10.0.0.1");
    vi.stubEnv("K_SERVICE", "orders");
    await expect(check()).rejects.toEqual(notHere("METADATA_SERVER_DETECTION is none"));
  });

  it("refuses another METADATA_SERVER_DETECTION by name, and a chain stops there", async () => {
    detection("sometimes");
    await expect(check()).rejects.toMatchObject({
      code: "INVALID_CONFIGURATION",
      tryNextLink: false,
      message: expect.stringContaining('METADATA_SERVER_DETECTION is "sometimes"'),
    });
  });
});

describe.each([
  [
    "in Kubernetes, whose token is not readable",
    { METADATA_SERVER_DETECTION: "", KUBERNETES_SERVICE_HOST: "10.0.0.1" },
  ],
  ["where nothing says what this is", { METADATA_SERVER_DETECTION: "ping-only" }],
])("createGoogleCloudCheck %s", (_, env) => {
  beforeEach(() => {
    for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
  });

  it("asks the well-known address, and no more once it has answered", async () => {
    await using metadata = await startGoogleMetadataServer();
    moveWellKnown(metadata.url);
    const requireGoogleCloud = createGoogleCloudCheck();
    for (let time = 0; time < 2; time += 1) await requireGoogleCloud(startDeadline(5_000));
    expect(metadata.requests).toHaveLength(1);
  });

  it("says no when something else answers, after one request", async () => {
    await using metadata = await startGoogleMetadataServer();
    metadata.injectFault({ kind: "wrongFlavor" });
    moveWellKnown(metadata.url);
    await expect(check()).rejects.toMatchObject({ code: "NOT_ON_GOOGLE_CLOUD", tryNextLink: true });
    expect(metadata.requests).toHaveLength(1);
  });

  it("lets a chain go on when nothing answers in time", async () => {
    await using metadata = await startGoogleMetadataServer();
    moveWellKnown(metadata.url);
    await metadata.refuseConnections();
    const isKubernetes = "KUBERNETES_SERVICE_HOST" in env;
    await expect(createGoogleCloudCheck()(startDeadline(300))).rejects.toMatchObject({
      code: isKubernetes ? "METADATA_UNAVAILABLE" : "NOT_ON_GOOGLE_CLOUD",
      tryNextLink: true,
      message: expect.stringContaining("ECONNREFUSED"),
    });
  });

  it("gives up when neither the IPv4 address nor the IPv6 address has a route", async () => {
    // A connection to the broadcast address has no route, on any machine.
    moveWellKnown("http://255.255.255.255");
    await expect(createGoogleCloudCheck()(startDeadline(300))).rejects.toMatchObject({ tryNextLink: true });
  });

  it("asks again in the next acquisition when nothing has answered yet", async () => {
    await using metadata = await startGoogleMetadataServer();
    moveWellKnown(metadata.url);
    const requireGoogleCloud = createGoogleCloudCheck();
    await metadata.refuseConnections();
    await expect(requireGoogleCloud(startDeadline(100))).rejects.toThrow();
    await metadata.acceptConnections();
    await expect(requireGoogleCloud(startDeadline(5_000))).resolves.toBeUndefined();
  });
});

describe("waitForMetadataServer", () => {
  it("waits for a server that is starting", async () => {
    await using metadata = await startGoogleMetadataServer({ refuseForMs: 400 });
    vi.stubEnv("GCE_METADATA_HOST", metadata.host);
    expect(await waitForMetadataServer(startDeadline(5_000))).toMatchObject({ status: 200, address: metadata.url });
  });

  it("takes any status of Google's server for an answer", async () => {
    await using metadata = await startGoogleMetadataServer();
    vi.stubEnv("GCE_METADATA_HOST", metadata.host);
    metadata.injectFault({ kind: "status", status: 503 });
    expect(await waitForMetadataServer(startDeadline(5_000))).toMatchObject({ status: 503 });
  });

  it("does not wait when something else answers, or when the address is not valid", async () => {
    await using metadata = await startGoogleMetadataServer();
    vi.stubEnv("GCE_METADATA_HOST", metadata.host);
    metadata.injectFault({ kind: "wrongFlavor" });
    await expect(waitForMetadataServer(startDeadline(5_000))).rejects.toMatchObject({ name: "ForeignAnswerError" });
    expect(metadata.requests).toHaveLength(1);
    vi.stubEnv("GCE_METADATA_HOST", "host:port");
    await expect(waitForMetadataServer(startDeadline(5_000))).rejects.toMatchObject({ code: "INVALID_CONFIGURATION" });
  });
});
