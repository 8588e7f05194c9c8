import { Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createConnectionLimit } from "../../src/cli/connection-limit.js";

const MOST = 3_072;

let limit: ReturnType<typeof createConnectionLimit>;
beforeEach(() => {
  limit = createConnectionLimit();
});
afterEach(() => vi.useRealTimers());

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

  it("answers at once when there are few connections, and after 2 s when there are many", () => {
    vi.useFakeTimers();
    const answer = vi.fn();
    for (let count = 0; count < 100; count += 1) limit.answer(admit(), answer);
    expect(answer).toHaveBeenCalledTimes(100);
    limit.answer(admit(), answer);
    vi.advanceTimersByTime(1_999);
    expect(answer).toHaveBeenCalledTimes(100);
    vi.advanceTimersByTime(1);
    expect(answer).toHaveBeenCalledTimes(101);
  });

  it("keeps no timer, and gives no answer, when the connection has ended", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const [socket] = Array.from({ length: 101 }, admit);
    const answer = vi.fn();
    limit.answer(socket!, answer);
    socket?.destroy();
    await new Promise((resolve) => socket?.once("close", resolve));
    expect(vi.getTimerCount()).toBe(0);
    expect(answer).not.toHaveBeenCalled();
  });
});
