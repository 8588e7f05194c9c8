import { describe, expect, it } from "vitest";
import type { GkeWorkloadIdentityErrorCode } from "../../src/index.js";
import type { GoogleMetadataFault } from "../../src/testing/index.js";
import { failureOf, provide } from "../support/provide.js";
import { startTwoClouds } from "../support/two-clouds.js";

describe("the metadata server", () => {
  it.each<[fault: GoogleMetadataFault, code: GkeWorkloadIdentityErrorCode, text: RegExp]>([
    [{ kind: "status", status: 403 }, "GOOGLE_PERMISSION_DENIED", /IAM returned 403 Forbidden/],
    [{ kind: "status", status: 404 }, "NO_GOOGLE_SERVICE_ACCOUNT", /Gaia id not found/],
    [{ kind: "status", status: 400 }, "INVALID_CONFIGURATION", /refused the request/],
    [{ kind: "garbage" }, "INVALID_ID_TOKEN", /not a JWT/],
    [{ kind: "garbage", body: '{"json":true}' }, "INVALID_ID_TOKEN", /not a JWT/],
    [{ kind: "wrongFlavor" }, "METADATA_UNAVAILABLE", /Metadata-Flavor/],
    [{ kind: "wrongFlavor", flavor: "Amazon" }, "METADATA_UNAVAILABLE", /Metadata-Flavor/],
  ])("that answers %j is asked once, and the request gets %s", async (fault, code, text) => {
    await using clouds = await startTwoClouds();
    clouds.metadata.injectFault(fault);
    const error = await failureOf(provide());
    expect(error).toMatchObject({ code, tryNextLink: false, message: expect.stringMatching(text) });
    expect(clouds.metadata.identityRequests()).toHaveLength(1);
    expect(clouds.sts.requests).toEqual([]);
  });

  it("says it where the Kubernetes service account has no Google one", async () => {
    await using _ = await startTwoClouds({}, { serviceAccount: null });
    expect(await failureOf(provide())).toMatchObject({
      code: "NO_GOOGLE_SERVICE_ACCOUNT",
      message: expect.stringContaining("is not annotated"),
      hint: expect.stringContaining("kubectl annotate serviceaccount"),
    });
  });

  it.each([408, 429, 499, 500, 503, 504])(
    "that answers %i twice is asked again, and the request gets its session",
    async (status) => {
      await using clouds = await startTwoClouds();
      clouds.metadata.injectFault({ kind: "status", status }, { times: 2 });
      await expect(provide()()).resolves.toBeDefined();
      expect(clouds.metadata.identityRequests()).toHaveLength(3);
    },
  );

  it("that is slow is waited for", async () => {
    await using clouds = await startTwoClouds();
    clouds.metadata.injectFault({ kind: "latency", ms: 300 });
    await expect(provide()()).resolves.toBeDefined();
  });
});
