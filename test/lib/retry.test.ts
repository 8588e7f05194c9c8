import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { retry, startDeadline, TimeoutError } from "../../src/lib/time.js";

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

const fail = (message: string) => () => Promise.reject(new Error(message));
const whole = { isRetryable: () => true, firstBackoffMs: 100, maxBackoffMs: 1_000 };

describe("retry", () => {
  it("waits longer after each failure, with full jitter, up to the most", async () => {
    vi.spyOn(Math, "random").mockReturnValue(0.999_999);
    const at: number[] = [];
    const outcome = retry(
      async () => {
        at.push(Date.now());
        if (at.length < 7) throw new Error("not yet");
        return "done";
      },
      { ...whole, deadline: startDeadline(60_000) },
    );
    await vi.runAllTimersAsync();
    await expect(outcome).resolves.toBe("done");
    const waits = at.slice(1).map((time, index) => time - at[index]!);
    expect(waits.map((wait) => Math.ceil(wait / 100) * 100)).toEqual([100, 200, 400, 800, 1_000, 1_000]);
  });

  it("gives the last failure when the deadline is over, and never waits past it", async () => {
    vi.spyOn(Math, "random").mockReturnValue(0.999_999);
    const start = Date.now();
    let tries = 0;
    const attempt = async () => {
      tries += 1;
      throw new Error(`try ${tries}`);
    };
    const outcome = expect(retry(attempt, { ...whole, deadline: startDeadline(350) })).rejects.toThrow("try 3");
    await vi.runAllTimersAsync();
    await outcome;
    expect(Date.now() - start).toBe(350);
  });

  it("stops at a failure that is not worth another try, and after maxTries", async () => {
    const deadline = startDeadline(60_000);
    const once = vi.fn(fail("refused"));
    await expect(retry(once, { ...whole, deadline, isRetryable: () => false })).rejects.toThrow("refused");
    expect(once).toHaveBeenCalledTimes(1);

    const thrice = vi.fn(fail("down"));
    const outcome = expect(retry(thrice, { ...whole, deadline, maxTries: 3 })).rejects.toThrow("down");
    await vi.runAllTimersAsync();
    await outcome;
    expect(thrice).toHaveBeenCalledTimes(3);
  });

  it("does not try again when the deadline was over before the failure came", async () => {
    const slow = vi.fn(async () => {
      vi.advanceTimersByTime(2_000);
      throw new Error("slow");
    });
    await expect(retry(slow, { ...whole, deadline: startDeadline(1_000) })).rejects.toThrow("slow");
    expect(slow).toHaveBeenCalledTimes(1);
  });

  it("gives the failure before a last try that was cut short, because it says more", async () => {
    vi.spyOn(Math, "random").mockReturnValue(0);
    let tries = 0;
    const attempt = async () => {
      tries += 1;
      if (tries === 1) throw new Error("refused");
      vi.advanceTimersByTime(1_000);
      throw new Error("unreachable", { cause: new TimeoutError("no answer within 1000 ms.") });
    };
    const outcome = expect(retry(attempt, { ...whole, deadline: startDeadline(900) })).rejects.toThrow("refused");
    await vi.runAllTimersAsync();
    await outcome;
    expect(tries).toBe(2);
  });
});
