import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { startDeadline, withTimeout } from "../../src/lib/deadline.js";

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

const fail = (message: string) => () => Promise.reject(new Error(message));

describe("startDeadline", () => {
  it("counts down to nothing and stays there", () => {
    const deadline = startDeadline(1_000);
    vi.advanceTimersByTime(400);
    expect(deadline.remaining()).toBe(600);
    vi.advanceTimersByTime(10_000);
    expect(deadline.remaining()).toBe(0);
  });
});

describe("withTimeout", () => {
  it("gives what the work gives, and leaves no timer", async () => {
    await expect(
      withTimeout(
        1_000,
        async () => "done",
        () => new Error("late"),
      ),
    ).resolves.toBe("done");
    await expect(withTimeout(1_000, fail("broken"), () => new Error("late"))).rejects.toThrow("broken");
    expect(vi.getTimerCount()).toBe(0);
  });

  it("rejects at the limit, aborts the work, and swallows its late failure", async () => {
    let aborted = false;
    const work = (signal: AbortSignal) =>
      new Promise<never>((_, reject) => {
        signal.addEventListener("abort", () => {
          aborted = true;
          setTimeout(() => reject(new Error("too late to matter")), 10);
        });
      });
    const outcome = expect(withTimeout(1_000, work, () => new Error("late"))).rejects.toThrow("late");
    await vi.advanceTimersByTimeAsync(1_000);
    await outcome;
    expect(aborted).toBe(true);
    await vi.advanceTimersByTimeAsync(10);
  });
});
