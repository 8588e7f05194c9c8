import { connect, type Socket } from "node:net";
import { describe, expect, it, vi } from "vitest";
import type { GkeWorkloadIdentityErrorCode } from "../../src/index.js";
import type { GoogleMetadataFault } from "../../src/testing/index.js";
import { failureOf, provide } from "../support/provide.js";
import { startTcpServer } from "../support/tcp-servers.js";
import { startTwoClouds } from "../support/two-clouds.js";

/** Leads to a metadata server, except the first connections, which `meet` gets. */
async function startRelay(host: string, count: number, meet: (socket: Socket) => void) {
  let connections = 0;
  const server = await startTcpServer((socket) => {
    connections += 1;
    if (connections <= count) return void meet(socket.resume());
    const { hostname, port } = new URL(`http://${host}`);
    socket.pipe(connect(Number(port), hostname).on("error", () => {})).pipe(socket);
  });
  return { ...server, relay: `127.0.0.1:${server.port}`, connections: () => connections };
}

describe("the metadata server", () => {
  it.each<[what: string, meet: (socket: Socket) => void]>([
    ["an answer that is not HTTP", (socket) => socket.end("SSH-2.0-OpenSSH_9.6\r\n")],
    ["a connection that is reset", (socket) => socket.resetAndDestroy()],
    ["a connection that is closed without an answer", (socket) => socket.end()],
    [
      "an answer that breaks off",
      (socket) => socket.end("HTTP/1.1 200 OK\r\nMetadata-Flavor: Google\r\nContent-Length: 100\r\n\r\nbegin"),
    ],
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
    [{ kind: "status", status: 401, body: "not you" }, "GOOGLE_PERMISSION_DENIED", /not you/],
    [{ kind: "status", status: 403, body: "" }, "GOOGLE_PERMISSION_DENIED", /HTTP status 403/],
    [{ kind: "status", status: 404 }, "NO_GOOGLE_SERVICE_ACCOUNT", /Gaia id not found/],
    [{ kind: "status", status: 400 }, "INVALID_CONFIGURATION", /refused the request/],
    [{ kind: "status", status: 418 }, "METADATA_UNAVAILABLE", /418/],
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

  it.each([408, 425, 429, 499, 500, 503, 504])(
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
