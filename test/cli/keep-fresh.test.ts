import { getEventListeners } from "node:events";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { keepFresh, unlessStopped } from "../../src/cli/keep-fresh.js";

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

describe("keepFresh", () => {
  it("refreshes again when the last refresh said so, until it is stopped", async () => {
    const stop = new AbortController();
    const at: number[] = [];
    const start = Date.now();
    const refresh = async () => at.push(Date.now() - start) * 1_000;
    const kept = keepFresh({ refresh, onFailure: () => {}, stop: stop.signal });
    await vi.advanceTimersByTimeAsync(6_500);
    expect(at).toEqual([0, 1_000, 3_000, 6_000]);
    stop.abort();
    await kept;
    expect(vi.getTimerCount()).toBe(0);
  });

  it("tells each failure and backs off from 1 s up to 120 s, with full jitter, and anew after a success", async () => {
    vi.spyOn(Math, "random").mockReturnValue(0.999_999);
    const stop = new AbortController();
    const waits: number[] = [];
    let calls = 0;
    const refresh = async () => {
      calls += 1;
      if (calls === 10) return 1_000;
      throw new Error(`failure ${calls}`);
    };
    const kept = keepFresh({ refresh, onFailure: (_, ms) => waits.push(Math.round(ms / 1_000)), stop: stop.signal });
    await vi.advanceTimersByTimeAsync(600_000);
    expect(waits.slice(0, 11)).toEqual([2, 4, 8, 16, 32, 64, 120, 120, 120, 2, 4]);
    vi.mocked(Math.random).mockReturnValue(0);
    await vi.advanceTimersByTimeAsync(120_000);
    expect(waits.at(-1)).toBe(1);
    stop.abort();
    await kept;
  });

  it("ends at once when it is stopped, and says nothing of what that broke", async () => {
    const stop = new AbortController();
    const onFailure = vi.fn();
    const refresh = () => unlessStopped(new Promise<number>(() => {}), stop.signal);
    const kept = keepFresh({ refresh, onFailure, stop: stop.signal });
    await vi.advanceTimersByTimeAsync(10);
    stop.abort();
    await kept;
    expect(onFailure).not.toHaveBeenCalled();
    await expect(unlessStopped(new Promise(() => {}), stop.signal)).rejects.toBe(stop.signal.reason);
  });
});

describe("unlessStopped", () => {
  it("listens to the stop no more when the work has ended", async () => {
    const stop = new AbortController();
    await unlessStopped(Promise.resolve(), stop.signal);
    await unlessStopped(Promise.reject(new Error()), stop.signal).catch(() => {});
    expect(getEventListeners(stop.signal, "abort")).toEqual([]);
  });
});
