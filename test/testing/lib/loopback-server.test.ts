import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Answer, type LoopbackServer, startLoopbackServer } from "../../../src/testing/lib/loopback-server.js";

let server: LoopbackServer;
let handle: () => Promise<Answer>;
beforeEach(async () => {
  handle = async () => ({ status: 200, body: "text" });
  server = await startLoopbackServer(() => handle());
});
afterEach(() => server.close());

describe("startLoopbackServer", () => {
  it("answers HEAD with the length of the body, and without the body", async () => {
    const answer = await fetch(server.url, { method: "HEAD" });
    expect([answer.status, answer.headers.get("content-length"), await answer.text()]).toEqual([200, "4", ""]);
  });

  it("cuts the connection when its handler fails", async () => {
    handle = () => Promise.reject(new Error("a bug"));
    await expect(fetch(server.url)).rejects.toThrow("fetch failed");
  });

  it("listens once, however often it is told to", async () => {
    await server.accept();
    expect((await fetch(server.url)).status).toBe(200);
    await server.refuse();
    await server.refuse();
    await expect(fetch(server.url)).rejects.toThrow("fetch failed");
    await server.accept();
    expect((await fetch(server.url)).status).toBe(200);
  });
});
