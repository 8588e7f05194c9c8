import { describe, expect, it, vi } from "vitest";
import { startGoogleMetadataServer } from "../../src/testing/index.js";
import { askMetadata, clockAhead, metadataAddress, readMetadata } from "../../src/token/metadata-server.js";

describe("the metadata server's address", () => {
  it.each([
    [{}, "http://169.254.169.254"],
    [{ GCE_METADATA_HOST: "127.0.0.1:8080" }, "http://127.0.0.1:8080"],
    [{ GCE_METADATA_HOST: "a", GCE_METADATA_IP: "127.0.0.2" }, "http://127.0.0.2"],
    [{ GCE_METADATA_HOST: "https://metadata.example/" }, "https://metadata.example"],
  ])("of %j is %s", (env, address) => {
    expect(metadataAddress(env)).toBe(address);
  });
});

describe("an answer", () => {
  it("says who gave it and how the clocks differ, and is read no further than 4,096 characters", async () => {
    await using server = await startGoogleMetadataServer();
    server.injectFault({ kind: "garbage", body: "x".repeat(1_000_000) }, { times: 1 });
    const long = await askMetadata("/computeMetadata/v1/", 1_000, server.url);
    expect([long.status, long.isGoogle, long.text.length]).toEqual([200, true, 4_096]);
    expect(Math.abs(long.clockAheadMs ?? Number.NaN)).toBeLessThan(2_000);

    server.injectFault({ kind: "wrongFlavor" }, { times: 1 });
    expect((await askMetadata("/computeMetadata/v1/", 1_000, server.url)).isGoogle).toBe(false);
  });

  it("that breaks off in the middle is a failure", async () => {
    await using server = await startGoogleMetadataServer();
    server.injectFault({ kind: "hang" });
    const asked = askMetadata("/computeMetadata/v1/", 5_000, server.url);
    setTimeout(() => void server.refuseConnections(), 50);
    await expect(asked).rejects.toMatchObject({ code: "ECONNRESET" });
  });

  it("without a readable Date says nothing of the clock", () => {
    expect(clockAhead(undefined)).toBeUndefined();
    expect(clockAhead("yesterday")).toBeUndefined();
  });
});

describe("a value", () => {
  it("is what Google's server answers, and nothing where there is none", async () => {
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
