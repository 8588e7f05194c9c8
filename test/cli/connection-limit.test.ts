import { Socket } from "node:net";
import { beforeEach, describe, expect, it } from "vitest";
import { createConnectionLimit } from "../../src/cli/credentials-server.js";

const MOST = 3_072;

let limit: ReturnType<typeof createConnectionLimit>;
beforeEach(() => {
  limit = createConnectionLimit();
});

const admit = (): Socket => {
  const socket = new Socket();
  limit.admit(socket);
  return socket;
};

describe("the limit on connections that have not shown the token", () => {
  it("ends the oldest ones when there are too many", () => {
    const sockets = Array.from({ length: MOST + 2 }, admit);
    expect(sockets.map(({ destroyed }) => destroyed).indexOf(false)).toBe(2);
  });

  it("does not count connections that have shown the token, or that have ended", async () => {
    const trusted = admit();
    limit.trust(trusted);
    const first = admit();
    const ended = admit();
    ended.destroy();
    await new Promise((resolve) => ended.once("close", resolve));
    for (let count = 1; count < MOST; count += 1) admit();
    expect([trusted.destroyed, first.destroyed]).toEqual([false, false]);
    admit();
    expect([trusted.destroyed, first.destroyed]).toEqual([false, true]);
  });
});
