import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { describe, expect, it, vi } from "vitest";
import type { GkeWorkloadIdentityErrorCode } from "../../src/index.js";
import type { GoogleMetadataFault } from "../../src/testing/index.js";
import { failureOf, provide } from "../support/provide.js";
import { startTwoClouds } from "../support/two-clouds.js";

/** Leads to a metadata server, except the first connections, which `meet` gets. */
async function startRelay(host: string, count: number, meet: (socket: Socket) => void) {
  let connections = 0;
  const server = createServer((socket) => {
    connections += 1;
    socket.on("error", () => {});
    if (connections <= count) return meet(socket.resume());
    const { hostname, port } = new URL(`http://${host}`);
    const onward = connect(Number(port), hostname).on("error", () => {});
    socket.pipe(onward).pipe(socket);
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const relay = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { relay, connections: () => connections, [Symbol.asyncDispose]: async () => void server.close() };
}

describe("the metadata server", () => {
  it.each<[what: string, meet: (socket: Socket) => void]>([
    ["an answer that is not HTTP", (socket) => socket.end("SSH-2.0-OpenSSH_9.6\r\n")],
    ["a connection that is reset", (socket) => socket.resetAndDestroy()],
    ["a connection that is closed without an answer", (socket) => socket.end()],
    ["a mesh's 503", (socket) => socket.end("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")],
  ])("is asked again after %s", async (_, meet) => {
    await using clouds = await startTwoClouds();
    await using relay = await startRelay(clouds.metadata.host, 2, meet);
    vi.stubEnv("GCE_METADATA_HOST", relay.relay);
    await expect(provide()()).resolves.toBeDefined();
    expect(relay.connections()).toBe(3);
  });

  it("is asked again after a broken TLS record, until the time is over", async () => {
    await using clouds = await startTwoClouds();
    // Plain HTTP answers a TLS handshake with 400.
    await using relay = await startRelay(clouds.metadata.host, 0, () => {});
    vi.stubEnv("GCE_METADATA_HOST", `https://${relay.relay}`);
    expect(await failureOf(provide({ timeoutMs: 2_000 }))).toMatchObject({
      code: "METADATA_UNAVAILABLE",
      retryable: true,
      cause: { code: expect.stringMatching(/^(?:ERR_SSL_|EPROTO$)/) },
    });
    expect(relay.connections()).toBeGreaterThan(2);
  });

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
