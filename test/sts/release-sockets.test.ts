import { once } from "node:events";
import { Agent, createServer, request } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { releaseSockets } from "../../src/sts/release-sockets.js";

const ID = "amz-sdk-invocation-id";
const server = createServer((_, response) => response.end());
const agent = new Agent({ keepAlive: true });
const ends: (() => void)[] = [];

beforeAll(() => once(server.listen(0, "127.0.0.1"), "listening"));
afterEach(() => {
  for (const end of ends.splice(0)) end();
});
afterAll(() => {
  agent.destroy();
  server.close();
});

/** Sends a request with this id, and tells whether its socket kept the process alive while it was in flight. */
async function holdsProcess(id: string | undefined): Promise<boolean> {
  const { port } = server.address() as AddressInfo;
  const sent = request({ port, host: "127.0.0.1", agent, headers: id === undefined ? {} : { [ID]: id } });
  sent.end();
  const [answer] = await once(sent, "response");
  const socket = sent.socket as Socket & { readonly _handle: { readonly hasRef: () => boolean } };
  const holds = socket._handle.hasRef();
  answer.resume();
  await once(answer, "end");
  // The agent takes the socket back a moment later.
  await new Promise((resolve) => setImmediate(resolve));
  return holds;
}

describe("releaseSockets", () => {
  it("releases the socket of the request with the same id, whether it is new or used again", async () => {
    ends.push(releaseSockets({ [ID]: "own" }));
    expect([await holdsProcess("own"), await holdsProcess("own")]).toEqual([false, false]);
  });

  it("leaves the sockets of other requests alone", async () => {
    ends.push(releaseSockets({ [ID]: "own" }));
    expect([await holdsProcess("other"), await holdsProcess(undefined)]).toEqual([true, true]);
  });

  it("releases nothing when the request has no id", async () => {
    ends.push(releaseSockets({}));
    expect(await holdsProcess(undefined)).toBe(true);
  });

  it("releases nothing after its end", async () => {
    releaseSockets({ [ID]: "own" })();
    expect(await holdsProcess("own")).toBe(true);
  });
});
