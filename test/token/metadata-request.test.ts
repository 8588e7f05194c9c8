import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import { type AddressInfo, createServer as createTcpServer, type Socket } from "node:net";
import { createGzip, gzipSync } from "node:zlib";
import { afterEach, describe, expect, it, vi } from "vitest";
import { requestMetadata } from "../../src/token/metadata.js";

const GOOGLE = { "Metadata-Flavor": "Google" };
const KIB = 1_024;

const open: AsyncDisposable[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server[Symbol.asyncDispose]()));
});

/** An HTTP server that `GCE_METADATA_HOST` names. */
async function serve(listener: RequestListener, hostname = "127.0.0.1") {
  const server = createServer(listener).listen(0, hostname);
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const close = async () => {
    server.closeAllConnections();
    server.close();
  };
  open.push({ [Symbol.asyncDispose]: close });
  const host = `${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`;
  vi.stubEnv("GCE_METADATA_HOST", host);
  return { host, connections: () => new Promise((resolve) => server.getConnections((_, count) => resolve(count))) };
}

const ask = (signal = AbortSignal.timeout(10_000)) =>
  requestMetadata({ path: "instance/id", params: { audience: "a b&c" }, signal });

describe("a request to the metadata server", () => {
  it("carries the header and the parameters, and gives the answer", async () => {
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

  it("leaves no connection open, whether the answer is read, too large or foreign", async () => {
    const headers: Record<string, string>[] = [GOOGLE, GOOGLE, {}];
    const bodies = ["x", "x".repeat(200 * KIB), "x".repeat(200 * KIB)];
    const server = await serve((_, response) => response.writeHead(200, headers.shift()).end(bodies.shift()));
    await ask();
    await ask().catch(() => {});
    await ask().catch(() => {});
    await vi.waitFor(async () => expect(await server.connections()).toBe(0));
  });

  it("ends with the caller's signal, before the answer and in its middle", async () => {
    for (const isStarted of [false, true]) {
      const controller = new AbortController();
      const server = await serve((_, response) => {
        if (isStarted) response.writeHead(200, GOOGLE).write("begin");
        setTimeout(() => controller.abort(), 50);
      });
      await expect(ask(controller.signal)).rejects.toThrow();
      await vi.waitFor(async () => expect(await server.connections()).toBe(0));
    }
  });
});

describe("another server's answer", () => {
  it.each([200, 400, 401, 404, 500, 503])("is refused with its status when that is %i", async (status) => {
    await serve((_, response) => response.writeHead(status, { "Metadata-Flavor": "Amazon" }).end("<html>"));
    await expect(ask()).rejects.toMatchObject({
      name: "ForeignAnswerError",
      message: expect.stringContaining(`HTTP status ${status} without the header Metadata-Flavor: Google`),
    });
  });

  it("is refused at once when its body never ends", async () => {
    await serve((_, response) => response.writeHead(200).write("<html>"));
    await expect(ask()).rejects.toMatchObject({ name: "ForeignAnswerError" });
  });

  it.each([301, 302, 303, 307, 308])(
    "is refused when it is a redirect with status %i, which is not followed",
    async (status) => {
      let visits = 0;
      const target = await serve((_, response) => {
        visits += 1;
        response.writeHead(200, GOOGLE).end("stolen");
      });
      await serve((_, response) => response.writeHead(status, { ...GOOGLE, Location: `http://${target.host}/` }).end());
      await expect(ask()).rejects.toMatchObject({ name: "ForeignAnswerError" });
      expect(visits).toBe(0);
    },
  );

  it.each(["SSH-2.0-OpenSSH_9.6\r\n", "\0\0\0\0\r\n\r\n", `HTTP/1.1 200 OK\r\nX: ${"x".repeat(100 * KIB)}\r\n\r\n`])(
    "is refused when it is not HTTP (%#)",
    async (text) => {
      const sockets = new Set<Socket>();
      const server = createTcpServer((socket) => {
        sockets.add(socket);
        socket.on("error", () => {});
        socket.end(text);
      }).listen(0, "127.0.0.1");
      await once(server, "listening");
      open.push(server);
      vi.stubEnv("GCE_METADATA_HOST", `127.0.0.1:${(server.address() as AddressInfo).port}`);
      await expect(ask()).rejects.toMatchObject({ name: "ForeignAnswerError" });
      for (const socket of sockets) socket.destroy();
    },
  );
});

describe("a failure", () => {
  it("is small and names its reason when nothing listens", async () => {
    vi.stubEnv("GCE_METADATA_HOST", "127.0.0.1:1");
    const error = await ask().catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "ECONNREFUSED", message: "connect ECONNREFUSED 127.0.0.1:1" });
    expect(Object.keys(error as object).toSorted()).toEqual(["code", "name"]);
  });

  it("has Node's code when the answer breaks off", async () => {
    await serve((_, response) => {
      response.writeHead(200, { ...GOOGLE, "Content-Length": "100" }).write("begin");
      setTimeout(() => response.destroy(), 20);
    });
    await expect(ask()).rejects.toMatchObject({
      code: expect.stringMatching(/^(ECONNRESET|ERR_STREAM_PREMATURE_CLOSE)$/),
    });
    await serve(({ socket }) => void socket.destroy());
    await expect(ask()).rejects.toMatchObject({ code: "ECONNRESET" });
  });

  it("names the variable when it holds no address", async () => {
    vi.stubEnv("GCE_METADATA_HOST", "host:port");
    await expect(ask()).rejects.toMatchObject({ code: "INVALID_CONFIGURATION" });
  });
});

describe("an answer's size", () => {
  const largest = "x".repeat(64 * KIB);

  it("may be 64 KiB, compressed or not", async () => {
    await serve((_, response) => response.writeHead(200, GOOGLE).end(largest));
    expect((await ask()).text).toBe(largest);
    await serve((_, response) =>
      response.writeHead(200, { ...GOOGLE, "Content-Encoding": "gzip" }).end(gzipSync(largest)),
    );
    expect((await ask()).text).toBe(largest);
  });

  it.each<[string, RequestListener]>([
    ["has a Content-Length of 64 KiB and one byte", (_, response) => response.end(`${largest}y`)],
    [
      "is an endless body",
      (_, response) => {
        const more = (): void => {
          if (response.write(largest)) setImmediate(more);
          else response.once("drain", more);
        };
        more();
      },
    ],
    [
      "is a gzip bomb",
      (_, response) => {
        response.setHeader("Content-Encoding", "gzip");
        const gzip = createGzip();
        gzip.pipe(response);
        for (let part = 0; part < 64; part += 1) gzip.write(Buffer.alloc(KIB * KIB));
        gzip.end();
      },
    ],
  ])("is too large when it %s", async (_, listener) => {
    await serve((request, response) => {
      response.on("error", () => {}).setHeader("Metadata-Flavor", "Google");
      listener(request, response);
    });
    await expect(ask()).rejects.toThrow("its answer is larger than 64 KiB.");
  });
});
