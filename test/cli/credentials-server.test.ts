import { once } from "node:events";
import { Agent, request as httpRequest } from "node:http";
import { connect } from "node:net";
import { fromHttp } from "@aws-sdk/credential-providers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type CredentialsServer, startCredentialsServer } from "../../src/cli/credentials-server.js";
import type { ServedRole } from "../../src/cli/serve-roles.js";
import { createError } from "../../src/errors/create-error.js";
import type { AwsSession } from "../../src/index.js";
import { withResolvers } from "../support/with-resolvers.js";

const SESSION: AwsSession = {
  accessKeyId: "ASIAEXAMPLE",
  secretAccessKey: "secret",
  sessionToken: "session",
  expiration: new Date("2026-11-24T13:00:00.000Z"),
  accountId: "123456789012",
};

let server: CredentialsServer;
let role: () => Promise<AwsSession>;
let endsAt: number;
const served = (session: () => Promise<AwsSession>): ServedRole => ({ session, endsAt: () => endsAt });
/** The token of a path; a path that is not served has that of `/`. */
const tokenOf = (path: string) => server.authorizations.get(path) ?? server.authorizations.get("/")!;
beforeEach(async () => {
  role = async () => SESSION;
  endsAt = SESSION.expiration.getTime();
  server = await startCredentialsServer(
    new Map([
      ["/", served(() => role())],
      ["/roles/b", served(async () => ({ ...SESSION, accessKeyId: "ASIAB" }))],
    ]),
    0,
  );
});
afterEach(() => server.drain());

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: Readonly<Record<string, unknown>>;
}

/** Over a plain HTTP client, which lets any header through. */
function ask(
  path: string,
  options: { headers?: Record<string, string | undefined>; method?: string; body?: string } = {},
) {
  const { headers = {}, method = "GET", body } = options;
  const all = { Authorization: tokenOf(path), ...headers };
  const sent = Object.fromEntries(
    Object.entries(all).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
  return new Promise<Answer>((resolve, reject) => {
    const asked = httpRequest(
      { host: "127.0.0.1", port: server.port, path, method, headers: sent, agent: false },
      (response) => {
        let text = "";
        response.setEncoding("utf8");
        response.on("data", (chunk) => {
          text += chunk;
        });
        response.on("end", () =>
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text ? JSON.parse(text) : {} }),
        );
      },
    );
    asked.on("error", reject);
    asked.end(body);
  });
}

/** Bytes as they are, and what comes back until the server ends the connection. */
function raw(bytes: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(server.port, "127.0.0.1", () => socket.write(bytes));
    let text = "";
    socket.setEncoding("utf8");
    socket.on("data", (chunk) => {
      text += chunk;
    });
    socket.on("error", () => {});
    socket.on("close", () => resolve(text));
  });
}

describe("the credentials server", () => {
  it("gives a session as the SDKs expect it, and lets nobody keep it", async () => {
    const { status, headers, body } = await ask("/");
    expect([status, body]).toEqual([
      200,
      {
        AccessKeyId: "ASIAEXAMPLE",
        SecretAccessKey: "secret",
        Token: "session",
        Expiration: "2026-11-24T13:00:00.000Z",
        AccountId: "123456789012",
      },
    ]);
    expect(headers).toMatchObject({ "content-type": "application/json", "cache-control": "no-store" });
    expect(Object.keys(headers).filter((name) => name.startsWith("access-control"))).toEqual([]);
    expect((await ask("/roles/b")).body).toMatchObject({ AccessKeyId: "ASIAB" });
  });

  it("serves the SDK's own client", async () => {
    const provider = fromHttp({
      awsContainerCredentialsFullUri: `http://127.0.0.1:${server.port}/`,
      awsContainerAuthorizationToken: tokenOf("/"),
    });
    expect(await provider()).toMatchObject({ accessKeyId: "ASIAEXAMPLE", sessionToken: "session" });
  });

  it("opens no other role than its own with a token", async () => {
    const { status, body } = await ask("/", { headers: { Authorization: tokenOf("/roles/b") } });
    expect([status, body.Code]).toEqual([403, "Forbidden"]);
    expect((await ask("/roles/b", { headers: { Authorization: tokenOf("/") } })).status).toBe(403);
    expect(JSON.stringify(body)).not.toContain("ASIA");
  });

  it("closes the connection of whoever was refused, and keeps that of a token holder", async () => {
    const closes = async (path: string, options: Parameters<typeof ask>[1]) =>
      (await ask(path, options)).headers.connection === "close";
    const keepAlive = { Connection: "keep-alive" };
    expect(await closes("/", { headers: keepAlive })).toBe(false);
    const refused = [
      ["/", { headers: { ...keepAlive, Authorization: undefined } }],
      ["/", { headers: { ...keepAlive, Host: "evil.example" } }],
      ["/", { headers: { ...keepAlive, "Content-Length": "1" }, body: "x" }],
      ["/", { headers: keepAlive, method: "DELETE" }],
      ["/nothing", { headers: keepAlive }],
      ["/healthz", { headers: { ...keepAlive, Authorization: undefined } }],
    ] as const;
    for (const [path, options] of refused) expect(await closes(path, options)).toBe(true);
  });

  it.each([
    ["no token", undefined],
    ["an empty token", ""],
    ["another token", "x".repeat(43)],
    ["a longer token", "y".repeat(1_000)],
    ["a scheme before it", "Bearer "],
  ])("refuses %s with 401, and says nothing of the session", async (what, token) => {
    const Authorization = what.startsWith("a scheme") ? `${token}${tokenOf("/")}` : token;
    const { status, body } = await ask("/", { headers: { Authorization } });
    expect([status, body]).toEqual([401, expect.objectContaining({ code: "Unauthorized", Code: "Unauthorized" })]);
    expect(body.message).toBe(body.Message);
    expect((await ask("/nothing", { headers: { Authorization } })).status).toBe(401);
  });

  it("refuses a Host that is not its own, as of a rebound name, even for its health", async () => {
    for (const Host of [
      "evil.example",
      `evil.example:${server.port}`,
      `127.0.0.1:${server.port + 1}`,
      "127.0.0.2",
      `127.0.0.1.evil.example:${server.port}`,
    ]) {
      expect((await ask("/", { headers: { Host } })).status).toBe(403);
      expect((await ask("/healthz", { headers: { Host } })).status).toBe(403);
    }
    // The AWS CRT sends no port.
    for (const Host of [`LOCALHOST:${server.port}`, "127.0.0.1", "localhost"])
      expect([Host, (await ask("/", { headers: { Host } })).status]).toEqual([Host, 200]);
  });

  it.each(["POST", "PUT", "DELETE", "OPTIONS", "HEAD", "PATCH", "TRACE"])("refuses %s", async (method) => {
    const { status, headers } = await ask("/", { method, headers: { Origin: "https://evil.example" } });
    expect([status, headers.allow]).toEqual([405, "GET"]);
  });

  it.each([
    "/roles",
    "/roles/",
    "/roles/../",
    "/roles/%2e%2e/",
    "//",
    "/?",
    "/roles/b/",
    "/roles/c",
    "/__proto__",
    "/etc/passwd",
    "/../../etc/passwd",
  ])("serves no such path: %s", async (path) => {
    const { status, body } = await ask(path);
    expect([status, body.code]).toEqual([404, "NotFound"]);
  });

  it("refuses a request with a body", async () => {
    expect((await ask("/", { body: "x", headers: { "Content-Length": "1" } })).status).toBe(413);
    expect((await ask("/", { body: "x", headers: { "Transfer-Encoding": "chunked" } })).status).toBe(413);
  });

  it("refuses headers that are too large, and what is not HTTP", async () => {
    expect(await raw(`GET / HTTP/1.1\r\nHost: x\r\nX: ${"y".repeat(20_000)}\r\n\r\n`)).toMatch(/^HTTP\/1.1 431 /);
    expect(await raw("this is not HTTP\r\n\r\n")).toMatch(/^HTTP\/1.1 400 /);
    expect(await raw("GET / HTTP/1.1\r\n\r\n")).toMatch(/^HTTP\/1.1 400 /);
    expect((await ask("/")).status).toBe(200);
  });

  it("ends a connection that does not finish its headers", async () => {
    const start = performance.now();
    expect(await raw("GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ")).toMatch(/^HTTP\/1.1 408 /);
    expect(performance.now() - start).toBeLessThan(8_000);
  });

  it.each([
    ["STS_ACCESS_DENIED", 403],
    ["GOOGLE_PERMISSION_DENIED", 403],
    ["INVALID_CONFIGURATION", 400],
    ["STS_THROTTLED", 503],
    ["STS_UNREACHABLE", 503],
    ["METADATA_TIMEOUT", 503],
  ] as const)("answers %s with %i, its message and its hint", async (code, expected) => {
    const error = createError(code, { reason: "because." });
    role = async () => Promise.reject(error);
    const { status, body } = await ask("/");
    const message = `${error.message}\n${error.hint}`;
    expect([status, body]).toEqual([expected, { code, message, Code: code, Message: message }]);
  });

  it("answers a failure of its own with 500, and keeps to itself what it was", async () => {
    role = async () => Promise.reject(new Error("the secret is 42"));
    const { status, body } = await ask("/");
    expect(status).toBe(500);
    expect(JSON.stringify(body)).not.toContain("42");
  });

  it("tells its health without a token, and nothing else", async () => {
    const healthy = await ask("/healthz", { headers: { Authorization: undefined } });
    expect([healthy.status, healthy.body]).toEqual([200, { status: "ok" }]);
    endsAt = 0;
    const ill = await ask("/healthz", { headers: { Authorization: undefined } });
    expect([ill.status, ill.body.code]).toEqual([503, "Unavailable"]);
  });

  it("ends every connection when it is closed, also of those who wait", async () => {
    role = () => new Promise(() => {});
    const waiting = ask("/");
    const idle = connect(server.port, "127.0.0.1");
    await once(idle, "connect");
    const ended = new Promise((resolve) => idle.on("error", () => {}).on("close", resolve));
    server.close();
    await expect(waiting).rejects.toMatchObject({ code: "ECONNRESET" });
    await ended;
    await expect(ask("/")).rejects.toMatchObject({ code: "ECONNREFUSED" });
  });

  it("listens on loopback alone, and says which port is taken", async () => {
    await expect(startCredentialsServer(new Map(), server.port)).rejects.toThrow(
      `port ${server.port} of 127.0.0.1 is in use: choose another one with --port`,
    );
    // Any address of 127.0.0.0/8 is this machine: only the one that it is bound to answers.
    await expect(fetch(`http://127.0.0.2:${server.port}/`)).rejects.toThrow();
  });

  it("in a drain answers what is under way and on its way, and takes nothing new", async () => {
    const gate = withResolvers();
    role = () => gate.promise.then(() => SESSION);
    const underWay = ask("/");
    const idle = new Agent({ keepAlive: true, maxSockets: 1 });
    const answers: unknown[] = [];
    const keptAlive = () =>
      new Promise<number | undefined>((resolve, reject) => {
        const headers = { Authorization: tokenOf("/roles/b") };
        httpRequest({ host: "127.0.0.1", port: server.port, path: "/roles/b", agent: idle, headers }, (response) => {
          answers.push(response.headers.connection);
          response.resume().on("end", () => resolve(response.statusCode));
        })
          .on("error", reject)
          .end();
      });
    expect(await keptAlive()).toBe(200);
    const drained = server.drain();
    expect(await keptAlive()).toBe(200);
    await expect(ask("/")).rejects.toMatchObject({ code: "ECONNREFUSED" });
    gate.resolve();
    expect((await underWay).status).toBe(200);
    // So that the client sends no more requests over a connection that is about to end.
    expect(answers).toEqual(["keep-alive", "close"]);
    await drained;
    await vi.waitFor(() => expect(keptAlive()).rejects.toBeDefined());
    idle.destroy();
  });

  it("in a drain cuts idle connections soon, and whoever gets no answer a little later", async () => {
    role = () => new Promise(() => {});
    const waiting = ask("/").catch((error: NodeJS.ErrnoException) => error.code);
    const idle = connect(server.port, "127.0.0.1");
    await once(idle, "connect");
    const start = performance.now();
    const idleEnd = new Promise((resolve) => idle.on("close", () => resolve(performance.now() - start)));
    idle.resume().on("error", () => {});
    await server.drain();
    expect(await waiting).toBe("ECONNRESET");
    expect(await idleEnd).toBeLessThan(3_000);
    expect(performance.now() - start).toBeGreaterThan(650);
  });
});
