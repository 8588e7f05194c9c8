import { once } from "node:events";
import { Agent, request as httpRequest, type IncomingMessage } from "node:http";
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

type Sent = { headers?: Record<string, string | undefined>; method?: string; body?: string; agent?: Agent | false };

/** Over a plain HTTP client, which lets any header through. */
async function ask(path: string, { headers = {}, method = "GET", body, agent = false }: Sent = {}) {
  const all = { Authorization: tokenOf(path), ...headers };
  const sent = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
  const asked = httpRequest({ host: "127.0.0.1", port: server.port, path, method, headers: sent, agent });
  asked.end(body);
  const [response] = (await once(asked, "response")) as [IncomingMessage];
  const said = (await response.setEncoding("utf8").toArray()).join("");
  const answer: Readonly<Record<string, unknown>> = said ? JSON.parse(said) : {};
  return { status: response.statusCode ?? 0, headers: response.headers, body: answer };
}
const NO_TOKEN = { headers: { Authorization: undefined } };

/** Sends bytes as they are, and gives what comes back until the server ends the connection. */
async function raw(bytes: string): Promise<string> {
  const socket = connect(server.port, "127.0.0.1").setEncoding("utf8");
  socket.write(bytes);
  return (await socket.toArray()).join("");
}

const notFound = (path: string): [number, string, string] => [404, "NotFound", path];
const notAllowed = (method: string): [number, string, string, Sent] => [
  405,
  "MethodNotAllowed",
  "/",
  { method, headers: { Origin: "https://evil.example" } },
];

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

  it.each<[status: number, code: string, path: string, sent?: Sent]>([
    ...["/roles", "/roles/", "/roles/../", "/roles/%2e%2e/", "/roles/b/", "/roles/c"].map(notFound),
    ...["//", "/?", "/__proto__", "/etc/passwd", "/../../etc/passwd"].map(notFound),
    [413, "ContentTooLarge", "/", { body: "x", headers: { "Content-Length": "1" } }],
    [413, "ContentTooLarge", "/", { body: "x", headers: { "Transfer-Encoding": "chunked" } }],
    ...["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"].map(notAllowed),
  ])("answers %i %s when the path is %s and the request %j", async (expected, code, path, sent) => {
    const { status, headers, body } = await ask(path, sent);
    expect([status, body.code]).toEqual([expected, code]);
    expect(headers.allow).toBe(expected === 405 ? "GET" : undefined);
  });

  it("answers HEAD with 405", async () => {
    const { status, headers } = await ask("/", { method: "HEAD" });
    expect([status, headers.allow]).toEqual([405, "GET"]);
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
    const healthy = await ask("/healthz", NO_TOKEN);
    expect([healthy.status, healthy.body]).toEqual([200, { status: "ok" }]);
    endsAt = 0;
    const ill = await ask("/healthz", NO_TOKEN);
    expect([ill.status, ill.body.code]).toEqual([503, "Unavailable"]);
  });

  it("lets a client without the token wait for its answer when there are more than 100 of them, and no other client", async () => {
    const idle = Array.from({ length: 101 }, () => connect(server.port, "127.0.0.1"));
    await Promise.all(idle.map((socket) => once(socket, "connect")));
    const start = performance.now();
    const refused = ask("/", NO_TOKEN);
    expect((await ask("/")).status).toBe(200);
    expect(performance.now() - start).toBeLessThan(1_900);
    expect((await refused).status).toBe(401);
    expect(performance.now() - start).toBeGreaterThan(1_990);
    for (const socket of idle) socket.destroy();
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
    const keptAlive = async () => {
      const { status, headers } = await ask("/roles/b", { agent: idle });
      answers.push(headers.connection);
      return status;
    };
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
