import { Socket } from "node:net";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { createStrangers, type Strangers } from "../../src/cli/strangers.js";

const PLACES = 3_072;

let strangers: Strangers;
beforeEach(() => {
  strangers = createStrangers();
});

const admit = (): Socket => {
  const socket = new Socket();
  strangers.admit(socket);
  return socket;
};

describe("connections that have not shown the token", () => {
  it("make place, the oldest first, when there are too many", () => {
    const sockets = Array.from({ length: PLACES + 2 }, admit);
    expect(sockets.map(({ destroyed }) => destroyed).indexOf(false)).toBe(2);
  });

  it("make place first when they were refused already", () => {
    const [oldest, refused] = [admit(), admit()];
    void strangers.slowDown(refused, "refused");
    for (let count = 2; count <= PLACES; count += 1) admit();
    expect([oldest.destroyed, refused.destroyed]).toEqual([false, true]);
  });

  it("keep their places when they have shown it, and free them when they end", async () => {
    const trusted = admit();
    strangers.trust(trusted);
    const first = admit();
    const ended = admit();
    ended.destroy();
    await new Promise((resolve) => ended.once("close", resolve));
    for (let count = 1; count < PLACES; count += 1) admit();
    expect([trusted.destroyed, first.destroyed]).toEqual([false, false]);
    admit();
    expect([trusted.destroyed, first.destroyed]).toEqual([false, true]);
  });

  it("are answered at once at first, then after seconds, and each kind for itself", async () => {
    vi.useFakeTimers();
    const outcomes: boolean[] = [];
    const refuse = () => strangers.slowDown(new Socket(), "refused").then((isSlowed) => outcomes.push(isSlowed));
    for (let count = 0; count < 250; count += 1) void refuse();
    await vi.advanceTimersByTimeAsync(0);
    expect(outcomes).toEqual(Array(200).fill(false));
    expect(await strangers.slowDown(new Socket(), "health")).toBe(false);
    await vi.advanceTimersByTimeAsync(4_000);
    expect(outcomes.slice(200)).toEqual(Array(50).fill(true));
    void refuse();
    await vi.advanceTimersByTimeAsync(0);
    expect(outcomes.at(-1)).toBe(false);
    vi.useRealTimers();
  });
});
