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

/** Keeps something fresh that each refresh says to get again after `ms`; with when it was refreshed. */
function start(ms: () => number, more: { isLost?: () => boolean; firstWaitMs?: number } = {}) {
  const at: number[] = [];
  const began = performance.now();
  const refresh = async () => {
    at.push(Math.round(performance.now() - began));
    return ms();
  };
  const refreshNow = keepFresh({ refresh, onFailure: () => 1_000, stop: stop.signal, ...more });
  return { at, refreshNow };
}

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
    const refresh = async () => {
      if (outcomes.shift()) throw new Error("no");
      return 1_000;
    };
    const onFailure = (_: unknown, count: number) => failures.push(count) * 0 + 2_000;
    keepFresh({ refresh, onFailure, stop: stop.signal });
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

  it("refreshes within 30 s when what it keeps fresh is lost", async () => {
    let isLost = false;
    const { at } = start(
      () => {
        isLost = false;
        return DAY_MS;
      },
      { isLost: () => isLost },
    );
    await vi.advanceTimersByTimeAsync(100_000);
    isLost = true;
    await vi.advanceTimersByTimeAsync(30_000);
    expect(at).toEqual([0, 120_000]);
  });

  it("waits after a failure, also while there is nothing to keep fresh yet", async () => {
    const refresh = vi.fn().mockRejectedValue(new Error("no"));
    keepFresh({ refresh, onFailure: () => 10_000, isLost: () => true, stop: stop.signal });
    await vi.advanceTimersByTimeAsync(25_000);
    expect(refresh).toHaveBeenCalledTimes(3);
  });

  it("refreshes at once when it is asked to, and waits first when it is told to", async () => {
    const { at, refreshNow } = start(() => DAY_MS, { firstWaitMs: 5_000 });
    await vi.advanceTimersByTimeAsync(6_000);
    refreshNow();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(at).toEqual([5_000, 6_000]);
  });
});
