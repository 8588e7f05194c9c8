import { describe, expect, it, vi } from "vitest";
import { startGoogleMetadataServer } from "../../src/testing/index.js";
import { askMetadata, clockAhead, readMetadata } from "../../src/token/metadata.js";

describe("askMetadata", () => {
  it("ends when the time is over", async () => {
    await using server = await startGoogleMetadataServer();
    server.injectFault({ kind: "hang" });
    vi.stubEnv("GCE_METADATA_HOST", server.host);
    await expect(askMetadata("", 100.5)).rejects.toMatchObject({ name: "TimeoutError" });
    await vi.waitFor(() => expect(server.openConnections()).toBe(0));
  });
});

describe("readMetadata", () => {
  it("gives the value, or nothing where Google's server has none or something else answers", async () => {
    await using server = await startGoogleMetadataServer();
    vi.stubEnv("GCE_METADATA_HOST", server.host);
    expect(await readMetadata("project/project-id", 1_000)).toBe("example-project");
    expect(await readMetadata("project/no-such-thing", 1_000)).toBeUndefined();
    server.injectFault({ kind: "garbage", body: "" }, { times: 1 });
    expect(await readMetadata("project/project-id", 1_000)).toBeUndefined();
    server.injectFault({ kind: "wrongFlavor" }, { times: 1 });
    expect(await readMetadata("project/project-id", 1_000)).toBeUndefined();
  });
});

describe("clockAhead", () => {
  it("compares this machine's clock with a Date header", () => {
    expect(clockAhead(new Date(Date.now() - 60_000).toUTCString())).toBeGreaterThan(58_000);
  });

  it("says nothing when there is no readable date", () => {
    expect(clockAhead(undefined)).toBeUndefined();
    expect(clockAhead(null)).toBeUndefined();
    expect(clockAhead("yesterday")).toBeUndefined();
  });
});
