import { type Clock, install } from "@sinonjs/fake-timers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { holdProcess, retry, startDeadline, TimeoutError, withTimeout } from "../../src/lib/time.js";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;

let clock: Clock;
beforeEach(() => {
  clock = install({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "Date", "performance"] });
});
afterEach(() => clock.uninstall());

const fail = (message: string) => () => Promise.reject(new Error(message));
const late = () => new Error("late");
const never = () => new Promise<never>(() => {});

/** Says what a promise has become, without waiting for it. */
function stateOf(promise: Promise<unknown>): () => string {
  let state = "pending";
  promise.then(
    (value) => {
      state = String(value);
    },
    (error: Error) => {
      state = error.message;
    },
  );
  return () => state;
}

/** The process stands still: time passes, and the timers that are due fire late, each once. */
async function freeze(ms: number): Promise<void> {
  clock.jump(ms);
  await clock.tickAsync(0);
}

describe("startDeadline", () => {
  it("counts down to nothing and stays there", () => {
    const deadline = startDeadline(SECOND);
    clock.tick(400);
    expect(deadline.remaining()).toBe(600);
    clock.tick(10 * SECOND);
    expect(deadline.remaining()).toBe(0);
  });
});

describe("withTimeout", () => {
  it("gives what the work gives, and leaves no timer", async () => {
    await expect(withTimeout(SECOND, async () => "done", late)).resolves.toBe("done");
    await expect(withTimeout(SECOND, fail("broken"), late)).rejects.toThrow("broken");
    expect(clock.countTimers()).toBe(0);
  });

  it("rejects at the limit, aborts the work, and ignores its late failure", async () => {
    let aborted = false;
    const work = (signal: AbortSignal) =>
      new Promise<never>((_, reject) => {
        signal.addEventListener("abort", () => {
          aborted = true;
          setTimeout(() => reject(new Error("too late to matter")), 10);
        });
      });
    const state = stateOf(withTimeout(SECOND, work, late));
    await clock.tickAsync(SECOND - 1);
    expect(state()).toBe("pending");
    await clock.tickAsync(1);
    expect(state()).toBe("late");
    expect(aborted).toBe(true);
    await clock.tickAsync(10);
  });

  it("holds for limits that setTimeout cannot hold", async () => {
    const state = stateOf(withTimeout(2 ** 33, never, late));
    await clock.tickAsync(MINUTE);
    expect(state()).toBe("pending");
  });

  it("gives the answers that wait half a second to be read, once, when a freeze fell on the limit", async () => {
    let read = (_: string): void => {};
    const socket = new Promise<string>((resolve) => {
      read = resolve;
    });
    const answered = stateOf(withTimeout(SECOND, () => socket, late));
    const hung = stateOf(withTimeout(SECOND, never, late));
    await clock.tickAsync(950);
    await freeze(MINUTE);
    // As in Node's event loop: the timers that were due have fired, and now the sockets are read.
    await clock.tickAsync(100);
    read("answer");
    await clock.tickAsync(0);
    expect([answered(), hung()]).toEqual(["answer", "pending"]);
    await freeze(600);
    expect(hung()).toBe("late");
  });
});

describe("holdProcess", () => {
  it.each([
    ["done", async () => "done"],
    ["broken", fail("broken")],
  ])("holds the process with one timer until the work is %s", async (state, work) => {
    const held = holdProcess(work());
    const outcome = stateOf(held);
    expect(clock.countTimers()).toBe(1);
    await clock.tickAsync(0);
    expect([outcome(), clock.countTimers()]).toEqual([state, 0]);
  });
});

describe("retry", () => {
  const whole = { isRetryable: () => true, firstMs: 100, maxMs: 1_000 };

  it("waits longer after each failure, with full jitter, up to the most", async () => {
    vi.spyOn(Math, "random").mockReturnValue(0.999_999);
    const at: number[] = [];
    const attempt = async () => {
      at.push(Date.now());
      if (at.length < 7) throw new Error("not yet");
      return "done";
    };
    const outcome = stateOf(retry(attempt, { ...whole, deadline: startDeadline(MINUTE) }));
    await clock.tickAsync(MINUTE);
    expect(outcome()).toBe("done");
    const waits = at.slice(1).map((time, index) => time - at[index]!);
    expect(waits.map((wait) => Math.ceil(wait / 100) * 100)).toEqual([100, 200, 400, 800, 1_000, 1_000]);
  });

  it("gives the last failure when the deadline is over, and never waits past it", async () => {
    vi.spyOn(Math, "random").mockReturnValue(0.999_999);
    let tries = 0;
    const attempt = async () => {
      tries += 1;
      throw new Error(`try ${tries}`);
    };
    const outcome = stateOf(retry(attempt, { ...whole, deadline: startDeadline(350) }));
    await clock.tickAsync(349);
    expect(outcome()).toBe("pending");
    await clock.tickAsync(1);
    expect(outcome()).toBe("try 3");
  });

  it("gives the failure before a last try that was cut short, because it says more", async () => {
    vi.spyOn(Math, "random").mockReturnValue(0);
    let tries = 0;
    const attempt = async () => {
      tries += 1;
      if (tries === 1) throw new Error("refused");
      clock.tick(SECOND);
      throw new Error("unreachable", { cause: new TimeoutError("no answer within 1000 ms.") });
    };
    const outcome = stateOf(retry(attempt, { ...whole, deadline: startDeadline(900) }));
    await clock.tickAsync(SECOND);
    expect([outcome(), tries]).toEqual(["refused", 2]);
  });
});
