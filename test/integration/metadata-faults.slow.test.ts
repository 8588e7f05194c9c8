import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { beforeAll, describe, expect, it, vi } from "vitest";
import type { GoogleMetadataServer } from "../../src/testing/index.js";
import { startClusterCloud } from "../support/cluster-cloud.js";
import { latenessOf } from "../support/lateness.js";
import { failureOf, provide } from "../support/provide.js";
import { startTwoClouds } from "../support/two-clouds.js";

// Loads the packages: the time limits below are those of a warm process.
beforeAll(async () => {
  await using _ = await startTwoClouds();
  await provide()();
});

describe("the metadata server", () => {
  it("that refuses connections for a pod's first five seconds is tried until it is there", async () => {
    await using _ = await startTwoClouds({}, { refuseForMs: 5_000 });
    const start = performance.now();
    await expect(provide()()).resolves.toBeDefined();
    expect(performance.now() - start).toBeGreaterThan(4_900);
  });

  it.each([
    ["never listens", "METADATA_UNAVAILABLE", (server: GoogleMetadataServer) => server.refuseConnections()],
    ["hangs", "METADATA_TIMEOUT", (server: GoogleMetadataServer) => server.injectFault({ kind: "hang" })],
  ])("that %s fails with %s at the time limit, and leaves no connection open", async (_, code, breakIt) => {
    await using clouds = await startTwoClouds();
    await breakIt(clouds.metadata);
    const failure = failureOf(provide({ timeoutMs: 1_500 }));
    expect(await latenessOf(1_500, failure)).toBeLessThan(300);
    expect(await failure).toMatchObject({ code });
    await vi.waitFor(() => expect(clouds.metadata.openConnections()).toBe(0));
    expect(clouds.metadata.requests.length).toBeLessThanOrEqual(1);
  });
});

/** Gets a session, opens as many files as it may, closes them 1.5 s later, and asks for another session meanwhile. */
const WITH_ALL_FILES_OPEN = `
import { closeSync, openSync } from "node:fs";
import { fromGkeWorkloadIdentity } from ${JSON.stringify(join(import.meta.dirname, "../../dist/index.js"))};
const roleAssumerWithWebIdentity = async () => ({ accessKeyId: "A", secretAccessKey: "S", sessionToken: "T", expiration: new Date(Date.now() + 3_600_000) });
const provider = fromGkeWorkloadIdentity({ timeoutMs: 10_000, roleAssumerWithWebIdentity });
await provider();
const files = [];
try { for (;;) files.push(openSync("/dev/null")); } catch {}
setTimeout(() => files.forEach((file) => closeSync(file)), 1_500);
const start = performance.now();
const outcome = await provider({ forceRefresh: true }).then(() => "session", (error) => error.message);
console.log(JSON.stringify({ outcome, files: files.length, ms: performance.now() - start }));
`;

describe("a process that has no file descriptor left", () => {
  it.each([
    ["Google ID token", () => startTwoClouds()],
    ["token of a file", () => startClusterCloud()],
  ])("gets its %s as soon as it has one again", async (_, start) => {
    await using _clouds = await start();
    const program = [process.execPath, "--input-type=module", "--eval", WITH_ALL_FILES_OPEN];
    const args = ["-c", 'ulimit -n 100; exec "$@"', "sh", ...program];
    const { stdout } = await promisify(execFile)("sh", args, { env: { ...process.env, NODE_NO_WARNINGS: "1" } });
    const { outcome, files, ms } = JSON.parse(stdout) as { outcome: string; files: number; ms: number };
    expect(outcome).toBe("session");
    expect(files).toBeGreaterThan(10);
    expect(ms).toBeGreaterThan(1_400);
  });
});
