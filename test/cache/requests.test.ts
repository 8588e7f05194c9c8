import { AsyncLocalStorage } from "node:async_hooks";
import { type Clock, install } from "@sinonjs/fake-timers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type CacheEvent, type CredentialCacheInit, createCredentialCache } from "../../src/cache/credential-cache.js";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const TIMEOUT = 30 * SECOND;

interface Session {
  readonly id: number;
  readonly expiration?: Date;
}

let clock: Clock;
beforeEach(() => {
  clock = install({
    now: new Date("2026-11-24T12:00:00Z"),
    toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "Date", "performance"],
  });
});
afterEach(() => clock.uninstall());

type Acquire = (client: string, call: number) => Promise<Session>;

const session = (id: number): Session => ({ id, expiration: new Date(Date.now() + HOUR) });
const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const hang: Acquire = async () => {
  await wait(TIMEOUT);
  throw new Error("no answer");
};

/** A cache whose acquisitions go as `state.acquire` says, with each request's outcome and time. */
function setUp(init: Partial<CredentialCacheInit<Session, string>> = {}) {
  const calls: string[] = [];
  const events: CacheEvent[] = [];
  const state = { acquire: (async (_client, call) => session(call)) as Acquire, isConnected: true };
  const cache = createCredentialCache<Session, string>({
    acquire: (client, _deadline, _failures, onConnect) => {
      if (state.isConnected) onConnect();
      return state.acquire(client, calls.push(client));
    },
    timeoutMs: TIMEOUT,
    longestLifeSeconds: HOUR / SECOND,
    expiredError: () => new Error("ended"),
    isSameClient: (a, b) => a === b,
    onEvent: (event) => events.push(event),
    ...init,
  });
  const request = (client = "a", forceRefresh = false) => {
    const began = performance.now();
    const outcome: { value?: string; error?: unknown; ms?: number } = {};
    cache(client, forceRefresh).then(
      ({ id }) => Object.assign(outcome, { value: `session ${id}`, ms: performance.now() - began }),
      (error: Error) => Object.assign(outcome, { value: error.message, error, ms: performance.now() - began }),
    );
    return outcome;
  };
  return { cache, request, state, calls, events };
}

describe("a request", () => {
  it("waits for its own time and no longer when it joined a refresh that ran out of time", async () => {
    const { request, state, calls } = setUp();
    state.acquire = hang;
    request();
    await clock.tickAsync(600);
    const joined = request();
    await clock.tickAsync(2 * TIMEOUT);
    expect(joined).toMatchObject({ value: "no answer", ms: TIMEOUT + 250 });
    expect(calls).toHaveLength(2);
  });

  it("starts over, once, when it took 5 s longer than its limit because the process stood still", async () => {
    const { request, state, calls } = setUp();
    state.acquire = async (client, call) => (call === 1 ? hang(client, call) : session(call));
    const frozen = request();
    await clock.tickAsync(SECOND);
    clock.jump(MINUTE);
    await clock.tickAsync(SECOND);
    expect(frozen.value).toBe("session 2");
    expect(calls).toHaveLength(2);
  });

  it("waits for no more than a tenth above its limit when the event loop is blocked again and again", async () => {
    const { request, state } = setUp();
    state.acquire = hang;
    const blocked = request();
    for (let block = 0; block < 110 && blocked.ms === undefined; block += 1) {
      clock.jump(300);
      await clock.tickAsync(20);
    }
    expect(blocked.ms).toBeLessThanOrEqual(TIMEOUT * 1.1);
  });
});

describe("after a refresh that ran out of time, with nothing to serve, a request", () => {
  it("fails at once until the next try, whose pauses grow from 1 s to 10 s, and the first success ends that", async () => {
    vi.spyOn(Math, "random").mockReturnValue(0.99);
    const { request, state, calls } = setUp();
    state.acquire = hang;
    const pauses: number[] = [];
    request();
    await clock.tickAsync(TIMEOUT);
    for (let failure = 0; failure < 6; failure += 1) {
      const failedAt = performance.now();
      const known = calls.length;
      while (calls.length === known) {
        const next = request();
        await clock.tickAsync(0);
        if (calls.length === known) expect(next).toMatchObject({ value: "no answer", ms: 0 });
        else pauses.push(performance.now() - failedAt);
        await clock.tickAsync(calls.length === known ? 100 : TIMEOUT);
      }
    }
    // To the next request, of which there is one in each tenth of a second.
    expect(pauses.map((pause) => Math.round(pause / SECOND))).toEqual([1, 2, 4, 8, 10, 10]);
    state.acquire = async (_client, call) => session(call);
    await clock.tickAsync(10 * SECOND);
    const well = request();
    await clock.tickAsync(0);
    expect(well.value).toMatch(/^session/);
  });

  it("with forceRefresh fails as soon as the pause says so, while the session stays for others", async () => {
    const { request, state } = setUp();
    request();
    await clock.tickAsync(0);
    state.acquire = hang;
    request("a", true);
    await clock.tickAsync(TIMEOUT);
    const forced = request("a", true);
    const other = request();
    await clock.tickAsync(0);
    expect([forced.value, forced.ms, other.value]).toEqual(["no answer", 0, "session 1"]);
  });
});

describe("clients that share a cache", () => {
  it("do not get each other's failures, and the session of one is for all", async () => {
    const { request, state } = setUp();
    state.acquire = async (client, call) => {
      if (client === "b") return session(call);
      throw new Error("refused");
    };
    const [a, b] = [request("a"), request("b")];
    await clock.tickAsync(0);
    expect(a.value).toBe("refused");
    expect(b.value).toMatch(/^session/);
    const again = request("a");
    await clock.tickAsync(0);
    expect(again.value).toBe(b.value);
  });

  it.each([
    { whose: "of no client", isOfClient: () => false, clients: 8, most: 12 },
    { whose: "of its client", isOfClient: () => true, clients: 8, most: 88 },
    { whose: "of its client", isOfClient: () => true, clients: 40, most: 176 },
  ])("make at most $most acquisitions in 10 s when $clients of them ask and each failure is $whose", async (given) => {
    const { request, state, calls } = setUp({ isOfClient: given.isOfClient });
    state.acquire = async () => {
      await wait(100);
      throw new Error("refused");
    };
    for (let tenth = 0; tenth < 100; tenth += 1) {
      for (let client = 0; client < given.clients; client += 1) request(String(client));
      await clock.tickAsync(100);
    }
    expect(calls.length).toBeGreaterThan(5);
    expect(calls.length).toBeLessThanOrEqual(given.most);
  });

  it("do not fail with another client's refresh that ran out of time while they waited for it", async () => {
    const { request, state } = setUp({ isOfClient: () => false });
    state.isConnected = false;
    state.acquire = (client, call) => (client === "a" ? hang(client, call) : Promise.resolve(session(call)));
    request("a");
    await clock.tickAsync(TIMEOUT - 100);
    const late = request("b");
    await clock.tickAsync(SECOND);
    expect(late).toMatchObject({ value: "session 2", ms: 100 });
  });

  it("wait a second at most for a refresh of another client that hangs", async () => {
    const { request, state } = setUp();
    state.acquire = (client, call) => (client === "a" ? hang(client, call) : Promise.resolve(session(call)));
    request("a");
    await clock.tickAsync(100);
    const b = request("b");
    await clock.tickAsync(SECOND);
    expect(b).toMatchObject({ value: "session 2", ms: SECOND });
  });

  it.each([
    { when: "it succeeds within a second", isConnected: true, ms: 800 },
    { when: "it uses no client's connection", isConnected: false, ms: 20 * SECOND },
  ])("share one refresh when $when", async ({ isConnected, ms }) => {
    const { request, state, calls } = setUp();
    state.isConnected = isConnected;
    state.acquire = async (_client, call) => {
      await wait(ms);
      return session(call);
    };
    const outcomes = ["a", "b", "c"].map((client) => request(client));
    await clock.tickAsync(ms);
    expect(outcomes.map(({ value }) => value)).toEqual(["session 1", "session 1", "session 1"]);
    expect(calls).toEqual(["a"]);
  });

  it("share a failure that no client's connection can be the cause of", async () => {
    const { request, state, calls } = setUp({ isOfClient: () => false });
    state.acquire = async () => {
      throw new Error("no token");
    };
    const outcomes = [request("a"), request("b")];
    await clock.tickAsync(0);
    expect(outcomes.map(({ value }) => value)).toEqual(["no token", "no token"]);
    expect(calls).toEqual(["a"]);
  });

  it("run no more than four refreshes at the same time, whatever the number of clients", async () => {
    const { request, state, calls } = setUp();
    state.acquire = hang;
    for (let client = 0; client < 50; client += 1) request(`client ${client}`);
    await clock.tickAsync(20 * SECOND);
    expect(calls).toHaveLength(4);
  });
});

describe("a refresh", () => {
  it("runs outside of every request's AsyncLocalStorage, and so does the timer of keepFresh", async () => {
    const requests = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    const { request, state, calls } = setUp({ keepFresh: true });
    state.acquire = async (_client, call) => {
      seen.push(requests.getStore());
      return session(call);
    };
    requests.run("the first request", () => request());
    await clock.tickAsync(2 * HOUR);
    expect(calls.length).toBeGreaterThan(2);
    expect(new Set(seen)).toEqual(new Set([undefined]));
  });

  it("of keepFresh is made for the client that asked last", async () => {
    const { request, calls } = setUp({ keepFresh: true });
    request("a");
    await clock.tickAsync(MINUTE);
    request("b");
    await clock.tickAsync(HOUR);
    expect(calls).toEqual(["a", "b"]);
  });
});
