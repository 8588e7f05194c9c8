import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type Answer, type LoopbackServer, startLoopbackServer } from "../../../src/testing/lib/loopback-server.js";
import { withResolvers } from "../../support/with-resolvers.js";

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

  it("says how long a body is in bytes", async () => {
    handle = async () => ({ status: 200, body: "é€" });
    const answer = await fetch(server.url);
    expect([answer.headers.get("content-length"), await answer.text()]).toEqual(["5", "é€"]);
  });

  it("counts the connections that are open, and cuts them when it refuses connections", async () => {
    const gate = withResolvers();
    handle = () => gate.promise.then(() => ({ status: 200, body: "late" }));
    const waiting = fetch(server.url);
    await vi.waitFor(() => expect(server.openConnections()).toBe(1));
    const refused = server.refuseConnections();
    await expect(waiting).rejects.toThrow("fetch failed");
    await refused;
    await vi.waitFor(() => expect(server.openConnections()).toBe(0));
    gate.resolve();
  });

  it("listens on 127.0.0.1 alone", async () => {
    await expect(fetch(server.url.replace("127.0.0.1", "127.0.0.2"))).rejects.toThrow("fetch failed");
  });

  it("fails when its port is taken", async () => {
    const port = Number(new URL(server.url).port);
    await expect(startLoopbackServer(() => handle(), port)).rejects.toMatchObject({ code: "EADDRINUSE" });
  });

  it("listens once, however often it is told to", async () => {
    await server.acceptConnections();
    expect((await fetch(server.url)).status).toBe(200);
    await server.refuseConnections();
    await server.refuseConnections();
    await expect(fetch(server.url)).rejects.toThrow("fetch failed");
    await server.acceptConnections();
    expect((await fetch(server.url)).status).toBe(200);
  });
});
