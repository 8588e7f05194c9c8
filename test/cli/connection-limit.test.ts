import { once } from "node:events";
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
  it("ends the oldest ones when there are too many, those not counted that have shown the token or ended", async () => {
    const trusted = admit();
    limit.trust(trusted);
    const first = admit();
    await once(admit().destroy(), "close");
    const others = Array.from({ length: MOST - 1 }, admit);
    expect([trusted.destroyed, first.destroyed]).toEqual([false, false]);
    admit();
    admit();
    expect([trusted, first, ...others].map(({ destroyed }) => destroyed).slice(0, 4)).toEqual([
      false,
      true,
      true,
      false,
    ]);
  });

  it("keeps no timer, and gives no answer, when the connection has ended", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const [socket] = Array.from({ length: 101 }, admit);
    const answer = vi.fn();
    limit.answer(socket!, answer);
    await once(socket!.destroy(), "close");
    expect(vi.getTimerCount()).toBe(0);
    expect(answer).not.toHaveBeenCalled();
  });
});
