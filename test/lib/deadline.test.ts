import { type Clock, install } from "@sinonjs/fake-timers";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { sleep, startDeadline, withTimeout } from "../../src/lib/time.js";

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

  it("does not count the time in which the process did not run, while something waits", async () => {
    const deadline = startDeadline(10 * SECOND);
    const wait = sleep(5 * SECOND);
    await clock.tickAsync(2 * SECOND);
    await freeze(MINUTE);
    expect(deadline.remaining()).toBeGreaterThan(7.8 * SECOND);
    await clock.tickAsync(3 * SECOND);
    await wait;
    expect(deadline.remaining()).toBeLessThan(5 * SECOND);
  });

  it("counts all time again when nothing waits any more", async () => {
    const wait = sleep(SECOND);
    await clock.tickAsync(SECOND);
    await wait;
    const deadline = startDeadline(10 * SECOND);
    clock.tick(9 * SECOND);
    expect(deadline.remaining()).toBe(SECOND);
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

  it("lets the rest of the limit pass after a freeze in the middle", async () => {
    const state = stateOf(withTimeout(10 * SECOND, never, late));
    await clock.tickAsync(4 * SECOND);
    await freeze(MINUTE);
    await clock.tickAsync(5 * SECOND);
    expect(state()).toBe("pending");
    await clock.tickAsync(SECOND);
    expect(state()).toBe("late");
  });

  it("gives the answers that wait some time to be read when a freeze fell on the limit", async () => {
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
    expect(answered()).toBe("answer");
    expect(hung()).toBe("pending");
    await clock.tickAsync(500);
    expect(hung()).toBe("late");
  });

  it("ends though the event loop is blocked again and again", async () => {
    const state = stateOf(withTimeout(SECOND, never, late));
    for (let block = 0; block < 20; block += 1) await freeze(300);
    expect(state()).toBe("late");
  });
});
