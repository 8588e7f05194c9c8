import { gcpMetadata } from "google-auth-library";
import { afterEach, describe, expect, it, vi } from "vitest";
import { startAwsSts, startGoogleMetadataServer } from "../../src/testing/index.js";
import { answersAsGoogle, requireGoogleCloud } from "../../src/token/detect-google-cloud.js";

const notHere = expect.objectContaining({ code: "NOT_ON_GOOGLE_CLOUD", tryNextLink: true });
const detection = (value: string) => vi.stubEnv("METADATA_SERVER_DETECTION", value);

afterEach(() => gcpMetadata.setGCPResidency());

describe("this is Google Cloud", () => {
  it.each(["GCE_METADATA_HOST", "GCE_METADATA_IP"])(
    "where %s names a server, whatever the detection says",
    async (name) => {
      vi.stubEnv(name, "127.0.0.1:1");
      await expect(requireGoogleCloud()).resolves.toBeUndefined();
    },
  );

  it("in any Kubernetes pod, and where METADATA_SERVER_DETECTION says so", async () => {
    detection("");
    vi.stubEnv("KUBERNETES_SERVICE_HOST", "10.0.0.1");
    await expect(requireGoogleCloud()).resolves.toBeUndefined();
    vi.stubEnv("KUBERNETES_SERVICE_HOST", undefined);
    detection(" Assume-Present ");
    await expect(requireGoogleCloud()).resolves.toBeUndefined();
  });

  it("where the BIOS or Cloud Run's environment says so", async () => {
    detection("bios-only");
    gcpMetadata.setGCPResidency(true);
    await expect(requireGoogleCloud()).resolves.toBeUndefined();
  });
});

describe("this is not Google Cloud", () => {
  it("where METADATA_SERVER_DETECTION is none, also in a pod of another Kubernetes", async () => {
    detection("none");
    vi.stubEnv("KUBERNETES_SERVICE_HOST", "10.0.0.1");
    await expect(requireGoogleCloud()).rejects.toEqual(notHere);
  });

  it("where only the BIOS is asked and says no", async () => {
    detection("bios-only");
    gcpMetadata.setGCPResidency(false);
    await expect(requireGoogleCloud()).rejects.toEqual(notHere);
  });
});

describe("the address of the metadata server", () => {
  it("is Google's where the answer says so", async () => {
    await using metadata = await startGoogleMetadataServer();
    expect(await answersAsGoogle(metadata.url)).toBe(true);
  });

  it("is not where something else answers, nothing listens, or no answer comes", async () => {
    await using other = await startAwsSts({ jwksUri: "http://127.0.0.1:1/", roles: [] });
    expect(await answersAsGoogle(other.url)).toBe(false);
    other.injectFault({ kind: "hang" });
    const start = performance.now();
    expect(await answersAsGoogle(other.url)).toBe(false);
    expect(performance.now() - start).toBeLessThan(1_000);
    await other.refuseConnections();
    expect(await answersAsGoogle(other.url)).toBe(false);
  });
});
