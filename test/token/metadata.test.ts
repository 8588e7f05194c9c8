import type { RequestListener } from "node:http";
import { gzipSync } from "node:zlib";
import { afterEach, describe, expect, it, vi } from "vitest";
import { clockAhead } from "../../src/doctor/check-clock.js";
import { startGoogleMetadataServer } from "../../src/testing/index.js";
import { metadataAddresses, readMetadata, requestMetadata, retryAfterMs } from "../../src/token/metadata.js";
import { startAnsweringServer } from "../support/answering-server.js";

const GOOGLE = { "Metadata-Flavor": "Google" };
const KIB = 1_024;

const open: AsyncDisposable[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server[Symbol.asyncDispose]()));
});

/** An HTTP server that `GCE_METADATA_HOST` names. */
async function serve(listener: RequestListener, address?: string) {
  const server = await startAnsweringServer(listener, address);
  open.push(server);
  vi.stubEnv("GCE_METADATA_HOST", server.host);
  return server;
}

const ask = (signal = AbortSignal.timeout(10_000)) => requestMetadata("instance/id?audience=a+b%26c", signal);

describe("metadataAddresses", () => {
  const WELL_KNOWN = "http://169.254.169.254";

  it("gives the well-known IPv4 address, then the IPv6 address, when no variable names a server", () => {
    const both = [WELL_KNOWN, "http://[fd20:ce::254]"];
    expect(metadataAddresses(WELL_KNOWN, {})).toEqual(both);
    expect(metadataAddresses(WELL_KNOWN, { GCE_METADATA_HOST: "", GCE_METADATA_IP: " " })).toEqual(both);
  });

  it.each([
    ["127.0.0.1:8080", "http://127.0.0.1:8080"],
    ["metadata.google.internal.", "http://metadata.google.internal."],
    ["\t169.254.169.254\r\n", WELL_KNOWN],
    ["http://169.254.169.254:80/", WELL_KNOWN],
    ["HTTP://Metadata:8080", "http://metadata:8080"],
    ["https://metadata.example:8443/computeMetadata/v1", "https://metadata.example:8443"],
    ["169.254.169.254/computeMetadata/v1/", WELL_KNOWN],
    ["FD20:CE::254 ", "http://[fd20:ce::254]"],
    ["::1", "http://[::1]"],
    ["::ffff:127.0.0.1", "http://[::ffff:7f00:1]"],
    ["http://fd20:ce::254/", "http://[fd20:ce::254]"],
    ["[fd20:ce::254]:8080", "http://[fd20:ce::254]:8080"],
    ["http://[::1]:8080/", "http://[::1]:8080"],
  ])("reads %j as %s", (value, address) => {
    expect(metadataAddresses(WELL_KNOWN, { GCE_METADATA_HOST: value })).toEqual([address]);
    // Preferred, as gcp-metadata does.
    expect(metadataAddresses(WELL_KNOWN, { GCE_METADATA_HOST: "a", GCE_METADATA_IP: value })).toEqual([address]);
  });

  it.each([
    "http://",
    "a b",
    "host:port",
    "127.0.0.1:99999",
    "ftp://host",
    "1:2:3:4:5:6:7:8:9",
    "fe80::1%eth0",
    "[::1",
    "?",
  ])("refuses %j by the variable's name", (value) => {
    expect(() => metadataAddresses(WELL_KNOWN, { GCE_METADATA_HOST: value })).toThrow(
      expect.objectContaining({
        code: "INVALID_CONFIGURATION",
        message: expect.stringContaining(`GCE_METADATA_HOST is ${JSON.stringify(value)}`),
      }),
    );
  });
});

describe("requestMetadata", () => {
  it("sends the header and the query, and gives the answer", async () => {
    const seen: unknown[] = [];
    const { host } = await serve(({ url, headers }, response) => {
      seen.push(url, headers["metadata-flavor"]);
      response.writeHead(404, { ...GOOGLE, Date: "Tue, 24 Nov 2026 12:00:00 GMT" }).end(" not here\n");
    });
    const { headers, ...answer } = await ask();
    expect(answer).toEqual({ address: `http://${host}`, status: 404, text: "not here" });
    expect(headers.get("date")).toBe("Tue, 24 Nov 2026 12:00:00 GMT");
    expect(seen).toEqual(["/computeMetadata/v1/instance/id?audience=a+b%26c", "Google"]);
  });

  it("reaches an IPv6 address", async () => {
    await serve((_, response) => response.writeHead(200, GOOGLE).end("six"), "::1");
    expect((await ask()).text).toBe("six");
  });

  it("leaves no connection open when the answer is read, too large or not Google's", async () => {
    const answers: [headers: Record<string, string>, size: number][] = [
      [GOOGLE, 1],
      [GOOGLE, 200 * KIB],
      [{}, 1],
    ];
    const server = await serve((_, response) => {
      const [headers, size] = answers.shift() ?? [{}, 0];
      response.writeHead(200, headers).write("x".repeat(size));
      // The other two have no end.
      if (answers.length === 2) response.end();
    });
    await ask();
    await ask().catch(() => {});
    await ask().catch(() => {});
    await vi.waitFor(async () => expect(await server.connections()).toBe(0));
  });

  it.each([false, true])("ends with the caller's signal (after the answer's beginning: %s)", async (isStarted) => {
    const controller = new AbortController();
    const server = await serve((_, response) => {
      if (isStarted) response.writeHead(200, GOOGLE).write("begin");
      setTimeout(() => controller.abort(), 50);
    });
    await expect(ask(controller.signal)).rejects.toThrow();
    await vi.waitFor(async () => expect(await server.connections()).toBe(0));
  });

  it.each([200, 401, 404, 503])("refuses an answer without Google's header when its status is %i", async (status) => {
    // The body has no end.
    const { host } = await serve((_, response) =>
      response.writeHead(status, { "Metadata-Flavor": "Amazon" }).write("<html>"),
    );
    await expect(ask()).rejects.toMatchObject({
      name: "ForeignAnswerError",
      status,
      message: `${host} answered HTTP ${status} without "Metadata-Flavor: Google"`,
    });
  });

  it.each([301, 302, 303, 307, 308])("does not follow a redirect with status %i", async (status) => {
    let visits = 0;
    const target = await serve((_, response) => {
      visits += 1;
      response.writeHead(200, GOOGLE).end("stolen");
    });
    await serve((_, response) => response.writeHead(status, { ...GOOGLE, Location: `http://${target.host}/` }).end());
    await expect(ask()).rejects.toMatchObject({ name: "ForeignAnswerError" });
    expect(visits).toBe(0);
  });

  const largest = "x".repeat(64 * KIB);

  it.each([{}, { "Content-Encoding": "gzip" }])("reads 64 KiB when the headers are %j", async (headers) => {
    const body = "Content-Encoding" in headers ? gzipSync(largest) : largest;
    await serve((_, response) => response.writeHead(200, { ...GOOGLE, ...headers }).end(body));
    expect((await ask()).text).toBe(largest);
  });

  it("refuses an answer of 64 KiB and one byte", async () => {
    await serve((_, response) => response.writeHead(200, GOOGLE).end(`${largest}y`));
    await expect(ask()).rejects.toThrow("its answer is larger than 64 KiB");
  });
});

it.each([
  [null, undefined],
  ["0", 0],
  [" 120 ", 120_000],
  ["-1", undefined],
  ["soon", undefined],
  ["1.5", undefined],
  ["Tue, 24 Nov 2026 12:00:10 GMT", 10_000],
  ["Tue, 24 Nov 2026 11:59:59 GMT", undefined],
])("retryAfterMs reads %j as %s", (header, ms) => {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.UTC(2026, 10, 24, 12) });
  expect(retryAfterMs(header)).toBe(ms);
  vi.useRealTimers();
});

it("readMetadata gives the value, and nothing when there is none or something else answers", async () => {
  await using server = await startGoogleMetadataServer();
  vi.stubEnv("GCE_METADATA_HOST", server.host);
  expect(await readMetadata("project/project-id", 1_000)).toBe("example-project");
  expect(await readMetadata("project/no-such-thing", 1_000)).toBeUndefined();
  for (const fault of [{ kind: "garbage", body: "" }, { kind: "wrongFlavor" }] as const) {
    server.injectFault(fault, { times: 1 });
    expect(await readMetadata("project/project-id", 1_000)).toBeUndefined();
  }
});

it("clockAhead compares this machine's clock with a Date header, when there is a readable one", () => {
  expect(clockAhead(new Date(Date.now() - 60_000).toUTCString())).toBeGreaterThan(58_000);
  for (const date of [undefined, null, "yesterday"]) expect(clockAhead(date)).toBeUndefined();
});
