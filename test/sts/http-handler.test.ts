import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createHttpHandler, type HttpHandler } from "../../src/sts/http-handler.js";

type HttpRequest = Parameters<HttpHandler["handle"]>[0];

/** What the server was sent, with its body. */
const received: (Pick<IncomingMessage, "method" | "url" | "headers"> & { readonly body: string })[] = [];
let isHanging: boolean;

const server = createServer(async (request, response) => {
  let body = "";
  for await (const chunk of request.setEncoding("utf8")) body += chunk;
  received.push({ method: request.method, url: request.url, headers: request.headers, body });
  if (!isHanging) response.writeHead(403, "No", { "X-A": "1", "Set-Cookie": ["b=2", "c=3"] }).end("<a/>");
});

let handler: HttpHandler;
beforeEach(async () => {
  isHanging = false;
  received.length = 0;
  await once(server.listen(0, "::"), "listening");
  handler = await createHttpHandler();
});
afterEach(async () => {
  handler.destroy?.();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const request = (more: Partial<HttpRequest> = {}): HttpRequest =>
  ({
    protocol: "http:",
    hostname: "127.0.0.1",
    port: (server.address() as AddressInfo).port,
    method: "POST",
    path: "/a",
    query: {},
    headers: { "x-b": "2" },
    body: "Action=x",
    ...more,
  }) as HttpRequest;

const textOf = async (body: AsyncIterable<Uint8Array>): Promise<string> => {
  const chunks = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
};

describe("createHttpHandler", () => {
  it("sends the request as it is, and gives status, headers and body of the answer", async () => {
    const { response } = await handler.handle(request());
    expect(received).toMatchObject([{ method: "POST", url: "/a", body: "Action=x", headers: { "x-b": "2" } }]);
    expect(response).toMatchObject({ statusCode: 403, reason: "No" });
    expect(response.headers).toMatchObject({ "x-a": "1", "set-cookie": "b=2, c=3" });
    expect(await textOf(response.body)).toBe("<a/>");
  });

  it.each([
    ["one value", { q: "a b&c" }, "/a?q=a+b%26c"],
    ["a list", { q: ["1", "2"], r: "3" }, "/a?q=1&q=2&r=3"],
    ["no value", { q: null }, "/a?q="],
  ])("sends a query of %s", async (_, query, expected) => {
    await handler.handle(request({ query }));
    expect(received[0]?.url).toBe(expected);
  });

  it("takes an IPv6 address in brackets, as a URL has it", async () => {
    const { response } = await handler.handle(request({ hostname: "[::1]" }));
    expect(response.statusCode).toBe(403);
  });

  it("speaks TLS to an https address", async () => {
    await expect(handler.handle(request({ protocol: "https:" }))).rejects.toMatchObject({
      code: expect.stringMatching(/^(ERR_SSL|EPROTO|ECONNRESET)/),
    });
    expect(received).toEqual([]);
  });

  it("uses the connection again for the next request", async () => {
    const connections = vi.fn();
    server.on("connection", connections);
    for (let time = 0; time < 2; time += 1) await textOf((await handler.handle(request())).response.body);
    server.off("connection", connections);
    expect(connections).toHaveBeenCalledTimes(1);
  });

  it("rejects when the signal is aborted, and cuts the connection", async () => {
    isHanging = true;
    const call = new AbortController();
    const outcome = handler.handle(request(), { abortSignal: call.signal });
    await vi.waitFor(() => expect(received).toHaveLength(1));
    call.abort();
    await expect(outcome).rejects.toMatchObject({ name: "AbortError" });
    await vi.waitFor(async () =>
      expect(await new Promise((resolve) => server.getConnections((_, count) => resolve(count)))).toBe(0),
    );
  });

  it("rejects with Node's error when nothing listens", async () => {
    await expect(handler.handle(request({ port: 1 }))).rejects.toMatchObject({ code: "ECONNREFUSED" });
  });

  it("has no settings that an STS client could change", () => {
    handler.updateHttpClientConfig("requestTimeout" as never, 1 as never);
    expect([handler.httpHandlerConfigs(), handler.metadata]).toEqual([{}, { handlerProtocol: "http/1.1" }]);
  });
});
