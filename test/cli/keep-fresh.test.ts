import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { keepFresh } from "../../src/cli/keep-fresh.js";

const DAY_MS = 86_400_000;

let stop: AbortController;
beforeEach(() => {
  stop = new AbortController();
  vi.useFakeTimers();
});
afterEach(() => {
  stop.abort();
  vi.useRealTimers();
});

/** Keeps something fresh that each refresh says to get again after `ms`, or fails; with when it was refreshed. */
function start(ms: () => number, more: Partial<Parameters<typeof keepFresh>[0]> = {}) {
  const at: number[] = [];
  const began = performance.now();
  const refresh = async () => {
    at.push(Math.round(performance.now() - began));
    return ms();
  };
  const refreshNow = keepFresh({ refresh, onFailure: () => 10_000, stop: stop.signal, ...more });
  return { at, refreshNow };
}
const fail = (): never => {
  throw new Error("no");
};

describe("keepFresh", () => {
  it("refreshes again when the last refresh said so, until it is stopped", async () => {
    let ms = 0;
    const { at } = start(() => (ms += 1_000));
    await vi.advanceTimersByTimeAsync(6_500);
    expect(at).toEqual([0, 1_000, 3_000, 6_000]);
    stop.abort();
    await vi.advanceTimersByTimeAsync(60_000);
    expect([at.length, vi.getTimerCount()]).toEqual([4, 0]);
  });

  it("asks how long to wait after each failure, and counts those in a row", async () => {
    const outcomes = [1, 1, 0, 1];
    const failures: number[] = [];
    const onFailure = (_: unknown, count: number) => failures.push(count) * 0 + 2_000;
    start(() => (outcomes.shift() ? fail() : 1_000), { onFailure });
    await vi.advanceTimersByTimeAsync(5_500);
    expect(failures).toEqual([1, 2, 1]);
  });

  it("refreshes within 30 s when the wall clock jumps past the time, as after a suspended machine", async () => {
    const { at } = start(() => 1_800_000);
    await vi.advanceTimersByTimeAsync(60_000);
    vi.setSystemTime(Date.now() + 3_600_000);
    await vi.advanceTimersByTimeAsync(30_000);
    expect(at).toHaveLength(2);
  });

  it("refreshes in time when the wall clock is set back", async () => {
    const { at } = start(() => 1_800_000);
    await vi.advanceTimersByTimeAsync(60_000);
    vi.setSystemTime(Date.now() - 3_600_000);
    await vi.advanceTimersByTimeAsync(1_740_000);
    expect(at).toEqual([0, 1_800_000]);
  });

  it("does not refresh in a loop when the next time is further away than a timer can be set for", async () => {
    const { at } = start(() => 30 * DAY_MS);
    await vi.advanceTimersByTimeAsync(DAY_MS);
    expect(at).toEqual([0]);
    await vi.advanceTimersByTimeAsync(29 * DAY_MS);
    expect(at).toEqual([0, 30 * DAY_MS]);
  });

  it("waits after a failure, also while there is nothing to keep fresh yet", async () => {
    const { at } = start(fail, { isLost: () => true });
    await vi.advanceTimersByTimeAsync(25_000);
    expect(at).toEqual([0, 10_000, 20_000]);
  });

  it("refreshes at once when it is asked to, and waits first when it is told to", async () => {
    const { at, refreshNow } = start(() => DAY_MS, { firstWaitMs: 5_000 });
    await vi.advanceTimersByTimeAsync(6_000);
    refreshNow();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(at).toEqual([5_000, 6_000]);
  });
});
