import { describe, expect, it, vi } from "vitest";
import { startGoogleMetadataServer } from "../../src/testing/index.js";
import { fetchMetadataIdToken, retryAfterMs } from "../../src/token/metadata.js";

const audience = "sts.amazonaws.com";
const fetch = (init: { serviceAccountEmail?: string; audience?: string } = {}) =>
  fetchMetadataIdToken({ serviceAccountEmail: "default", audience, signal: AbortSignal.timeout(5_000), ...init });

describe("fetchMetadataIdToken", () => {
  it("asks by account and audience, whatever characters they have", async () => {
    const email = "reader@example-project.iam.gserviceaccount.com";
    await using metadata = await startGoogleMetadataServer();
    vi.stubEnv("GCE_METADATA_HOST", metadata.host);
    const url = "https://api.example.com/v1?team=a&env=b+c#d é%2F";
    expect(await fetch({ serviceAccountEmail: email, audience: url })).toBe(metadata.issuedTokens[0]);
    await fetch({ serviceAccountEmail: '../x?y#"z%@a' }).catch(() => {});
    expect(metadata.requests).toEqual([
      {
        path: `instance/service-accounts/${email}/identity`,
        query: { format: "full", audience: url },
        status: 200,
      },
      {
        path: "instance/service-accounts/..%2Fx%3Fy%23%22z%25@a/identity",
        query: { format: "full", audience },
        status: 404,
      },
    ]);
  });

  it("rejects with status and text when the server refuses", async () => {
    await using metadata = await startGoogleMetadataServer();
    vi.stubEnv("GCE_METADATA_HOST", metadata.host);
    metadata.injectFault({ kind: "status", status: 403, body: "no binding" });
    await expect(fetch()).rejects.toMatchObject({ status: 403, message: "no binding", retryAfterMs: undefined });
    metadata.clearFaults();
    metadata.injectFault({ kind: "status", status: 503, body: "" });
    await expect(fetch()).rejects.toMatchObject({ status: 503, message: "HTTP status 503" });
  });
});

describe("retryAfterMs", () => {
  it.each([
    [null, undefined],
    ["0", 0],
    ["3", 3_000],
    [" 120 ", 120_000],
    ["-1", undefined],
    ["soon", undefined],
    ["1.5", undefined],
    ["Tue, 24 Nov 2026 12:00:10 GMT", 10_000],
    ["Tue, 24 Nov 2026 11:59:59 GMT", undefined],
  ])("reads %j as %s", (header, ms) => {
    vi.useFakeTimers({ toFake: ["Date"], now: Date.UTC(2026, 10, 24, 12) });
    expect(retryAfterMs(header)).toBe(ms);
    vi.useRealTimers();
  });
});
