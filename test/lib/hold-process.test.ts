import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { holdProcess } from "../../src/lib/time.js";

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

/** Whether a timer keeps this process alive. */
const isHeld = (timer: unknown): boolean => (timer as NodeJS.Timeout).hasRef();

it("gives what the work gives, and holds the process with one timer until then", async () => {
  const setInterval = vi.spyOn(globalThis, "setInterval");
  const outcome = holdProcess(new Promise((resolve) => setTimeout(resolve, 1_000, "done")));
  expect(setInterval).toHaveBeenCalledTimes(1);
  expect(isHeld(setInterval.mock.results[0]!.value)).toBe(true);
  await vi.advanceTimersByTimeAsync(1_000);
  await expect(outcome).resolves.toBe("done");
  expect(vi.getTimerCount()).toBe(0);
});

it("rejects with the failure of the work, and releases the process", async () => {
  await expect(holdProcess(Promise.reject(new Error("broken")))).rejects.toThrow("broken");
  expect(vi.getTimerCount()).toBe(0);
});
