import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type CacheEvent, createCredentialCache, type Expiring } from "../../src/cache/credential-cache.js";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

interface Session extends Expiring {
  readonly expiration: Date;
  readonly id: number;
}

/** A cache over sessions of `lifeMs`, and a hand on how its acquisitions go. */
function setUp({
  lifeMs = HOUR,
  longestLifeMs = lifeMs,
  refreshAheadSeconds,
  keepFresh,
}: {
  lifeMs?: number;
  longestLifeMs?: number;
  refreshAheadSeconds?: number;
  keepFresh?: boolean;
} = {}) {
  const events: CacheEvent[] = [];
  const contexts: unknown[] = [];
  const state = { latencyMs: 0, failure: undefined as Error | undefined, lifeMs };
  const cache = createCredentialCache<Session, unknown>({
    refreshAheadSeconds,
    keepFresh,
    timeoutMs: 30_000,
    longestLifeSeconds: longestLifeMs / 1_000,
    expiredError: ({ id }) => new Error(`session ${id} has ended`),
    onEvent: (event) => events.push(event),
    acquire: async (context) => {
      const id = contexts.push(context);
      if (state.latencyMs > 0) await new Promise((resolve) => setTimeout(resolve, state.latencyMs));
      if (state.failure) throw state.failure;
      return { id, expiration: new Date(Date.now() + state.lifeMs) };
    },
  });
  return { cache: (forceRefresh?: boolean) => cache("client", forceRefresh), state, events, contexts };
}

/** A cache with a session of an hour that has so much of its life left. */
async function setUpWithLeft(leftMs: number) {
  const made = setUp();
  await made.cache();
  vi.advanceTimersByTime(HOUR - leftMs);
  return made;
}

/** Says whether a promise has settled, without waiting for it. */
async function hasSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  const settle = () => {
    settled = true;
  };
  promise.then(settle, settle);
  await vi.advanceTimersByTimeAsync(0);
  return settled;
}

/** A refresh that takes until its time limit, and fails with it. */
function hang(state: { latencyMs: number; failure: Error | undefined }): void {
  state.latencyMs = 30_000;
  state.failure = new Error("no answer in time");
}

const settleBackground = () => vi.advanceTimersByTimeAsync(0);

beforeEach(() => {
  vi.useFakeTimers({ now: new Date("2026-11-24T12:00:00Z") });
  vi.spyOn(Math, "random").mockReturnValue(0);
});
afterEach(() => vi.useRealTimers());

describe("the first requests", () => {
  it("all get the error when it fails, and the next request a second later tries again", async () => {
    const { cache, state, contexts } = setUp();
    state.failure = new Error("STS is down");
    const outcomes = await Promise.allSettled([cache(), cache()]);
    expect(outcomes.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    expect(contexts).toHaveLength(1);

    state.failure = undefined;
    await vi.advanceTimersByTimeAsync(1_000);
    await expect(cache()).resolves.toMatchObject({ id: 2 });
  });
});

describe("inside the refresh window, with more than a minute left", () => {
  it("gives the cached session at once while one refresh runs in the background", async () => {
    const { cache, state, contexts } = setUp();
    const first = await cache();
    vi.advanceTimersByTime(46 * MINUTE);
    state.latencyMs = 5_000;
    const requests = Array.from({ length: 100 }, () => cache());
    expect(await Promise.all(requests)).toEqual(Array.from({ length: 100 }, () => first));
    expect(contexts).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(5_000);
    expect((await cache()).id).toBe(2);
  });

  it("backs off exponentially, from 1 s up to 120 s, however many requests come", async () => {
    vi.mocked(Math.random).mockReturnValue(0);
    const { cache, state, events } = setUp({ lifeMs: 12 * HOUR });
    await cache();
    vi.mocked(Math.random).mockReturnValue(0.999_999);
    state.failure = new Error("STS is down");
    vi.advanceTimersByTime(11 * HOUR + MINUTE);
    const attempts: number[] = [];
    for (let second = 0; second < 1_000; second += 1) {
      await cache();
      await vi.advanceTimersByTimeAsync(1_000);
      const failures = events.filter(({ type }) => type === "refreshFailed").length;
      if (failures > attempts.length) attempts.push(second);
    }
    const waits = attempts.slice(1).map((second, index) => second - attempts[index]!);
    expect(waits.slice(0, 7)).toEqual([2, 4, 8, 16, 32, 64, 120]);
    expect(Math.max(...waits)).toBe(120);
  });

  it("backs off for no longer than half of what is left", async () => {
    const { cache, state, contexts } = setUp();
    await cache();
    vi.mocked(Math.random).mockReturnValue(0.999_999);
    state.failure = new Error("STS is down");
    vi.advanceTimersByTime(HOUR - 200_000);
    for (let failures = 0; failures < 7; failures += 1) {
      await cache(true).catch(() => {});
      vi.advanceTimersByTime(1_000);
    }
    vi.advanceTimersByTime(95_000);
    await cache();
    expect(contexts).toHaveLength(8);
    vi.advanceTimersByTime(2_000);
    await cache();
    expect(contexts).toHaveLength(9);
  });

  it("starts its backoff anew after a success", async () => {
    const { cache, state, events } = setUp();
    await cache();
    state.failure = new Error("STS is down");
    for (let failures = 0; failures < 3; failures += 1) {
      await cache(true).catch(() => {});
      vi.advanceTimersByTime(1_000);
    }
    state.failure = undefined;
    await cache(true);
    state.failure = new Error("STS is down again");
    await cache(true).catch(() => {});
    const failures = events.flatMap((event) => (event.type === "refreshFailed" ? [event.failures] : []));
    expect(failures).toEqual([1, 2, 3, 1]);
  });

  it("waits at least a second after a failure even when the jitter says none", async () => {
    const { cache, state, contexts } = await setUpWithLeft(14 * MINUTE);
    state.failure = new Error("STS is down");
    await cache();
    await settleBackground();
    vi.advanceTimersByTime(999);
    await cache();
    expect(contexts).toHaveLength(2);
    vi.advanceTimersByTime(1);
    await cache();
    expect(contexts).toHaveLength(3);
  });
});

describe("in the last minute", () => {
  it("waits for the one refresh", async () => {
    const { cache, state, contexts } = await setUpWithLeft(MINUTE);
    state.latencyMs = 500;
    const requests = [cache(), cache(), cache()];
    expect(await hasSettled(requests[0]!)).toBe(false);
    await vi.advanceTimersByTimeAsync(500);
    expect((await Promise.all(requests)).map(({ id }) => id)).toEqual([2, 2, 2]);
    expect(contexts).toHaveLength(2);
  });

  it("lets requests that follow each other wait a second together, as an SDK client asks twice for one of its own", async () => {
    const { cache, state, contexts } = await setUpWithLeft(30_000);
    state.latencyMs = 20_000;
    const first = cache();
    await vi.advanceTimersByTimeAsync(600);
    const second = cache();
    await vi.advanceTimersByTimeAsync(399);
    expect([await hasSettled(first), await hasSettled(second)]).toEqual([false, false]);
    await vi.advanceTimersByTimeAsync(1);
    expect([await hasSettled(first), await hasSettled(second), await hasSettled(cache())]).toEqual([true, true, true]);
    expect([(await cache()).id, contexts.length]).toEqual([1, 2]);
  });

  it("is the last quarter of a session of less than four minutes", async () => {
    const { cache, state } = setUp({ lifeMs: 2 * MINUTE });
    await cache();
    state.latencyMs = 500;
    vi.advanceTimersByTime(2 * MINUTE - 31_000);
    expect(await hasSettled(cache())).toBe(true);
    await vi.advanceTimersByTimeAsync(500);
    vi.advanceTimersByTime(2 * MINUTE - 30_000);
    expect(await hasSettled(cache())).toBe(false);
  });

  it("gives the error when the session ends before the refresh has failed", async () => {
    const { cache, state } = await setUpWithLeft(4_000);
    state.latencyMs = 20_000;
    state.failure = new Error("STS is down");
    const request = expect(cache()).rejects.toThrow("STS is down");
    await vi.advanceTimersByTimeAsync(20_000);
    await request;
  });

  it.each([60_000, 20_000, 5_001])("waits a second at most when the refresh hangs with %d ms left", async (leftMs) => {
    const { cache, state, contexts } = await setUpWithLeft(leftMs);
    hang(state);
    const request = cache();
    await vi.advanceTimersByTimeAsync(999);
    expect(await hasSettled(request)).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect((await request).id).toBe(1);
    expect(contexts).toHaveLength(2);
  });

  it("waits for a new session when the old one ended while the process stood still", async () => {
    const { cache, state } = await setUpWithLeft(20_000);
    state.latencyMs = 20_000;
    const request = cache();
    vi.setSystemTime(Date.now() + MINUTE);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await hasSettled(request)).toBe(false);
    await vi.advanceTimersByTimeAsync(19_000);
    expect((await request).id).toBe(2);
  });
});

describe("in the last five seconds", () => {
  it("waits for the refresh, however long that takes", async () => {
    const { cache, state } = await setUpWithLeft(5_000);
    state.latencyMs = 4_000;
    const request = cache();
    await vi.advanceTimersByTimeAsync(3_999);
    expect(await hasSettled(request)).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect((await request).id).toBe(2);
  });
});

it.each([
  { leftMs: 30_000, latencyMs: 500 },
  { leftMs: 4_000, latencyMs: 3_000 },
])("gives the cached session when the refresh fails with $leftMs ms left, and does not wait again", async (given) => {
  const { cache, state, contexts } = await setUpWithLeft(given.leftMs);
  Object.assign(state, { latencyMs: given.latencyMs, failure: new Error("STS is down") });
  const request = cache();
  await vi.advanceTimersByTimeAsync(given.latencyMs);
  expect((await request).id).toBe(1);
  expect(await hasSettled(cache())).toBe(true);
  expect(contexts).toHaveLength(2);
});

it("starts one more refresh for all requests when the one that they joined ran out of time", async () => {
  const { cache, state, contexts } = setUp();
  hang(state);
  const starter = expect(cache()).rejects.toThrow("no answer in time");
  await vi.advanceTimersByTimeAsync(29_999);
  const joined = Promise.all([cache(), cache(), cache()]);
  await vi.advanceTimersByTimeAsync(1);
  await starter;
  state.failure = undefined;
  await vi.advanceTimersByTimeAsync(30_000);
  expect((await joined).map(({ id }) => id)).toEqual([2, 2, 2]);
  expect(contexts).toHaveLength(2);
});

describe("keepFresh", () => {
  it("waits for longer than a timer of Node can", async () => {
    const { cache, contexts } = setUp({ keepFresh: true, lifeMs: 40 * DAY });
    await cache();
    await vi.advanceTimersByTimeAsync(39 * DAY);
    expect(contexts).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(DAY);
    expect(contexts).toHaveLength(2);
  });

  it("refreshes while no request comes, from the first request on", async () => {
    const { cache, contexts } = setUp({ keepFresh: true });
    await vi.advanceTimersByTimeAsync(HOUR);
    expect(contexts).toHaveLength(0);
    await cache();
    await vi.advanceTimersByTimeAsync(24 * HOUR);
    expect(contexts.length).toBe(1 + Math.floor((24 * HOUR) / (45 * MINUTE)));
    expect(await hasSettled(cache())).toBe(true);
  });

  it("does nothing while no request comes when it is off", async () => {
    const { cache, contexts } = setUp();
    await cache();
    await vi.advanceTimersByTimeAsync(24 * HOUR);
    expect(contexts).toHaveLength(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("does not keep the process alive", async () => {
    const setTimeout = vi.spyOn(globalThis, "setTimeout");
    const { cache } = setUp({ keepFresh: true });
    await cache();
    const timers = setTimeout.mock.results.map(({ value }) => value as unknown as NodeJS.Timeout);
    expect(timers.filter((timer) => timer.hasRef())).toEqual([]);
    expect(vi.getTimerCount()).toBe(1);
  });

  it("tries again after a failure, with backoff, also when the first acquisition failed", async () => {
    const { cache, state, contexts } = setUp({ keepFresh: true });
    vi.mocked(Math.random).mockReturnValue(0.999_999);
    state.failure = new Error("STS is down");
    await cache().catch(() => {});
    const at: number[] = [];
    for (let second = 1; second <= 600; second += 1) {
      const before = contexts.length;
      await vi.advanceTimersByTimeAsync(1_000);
      if (contexts.length > before) at.push(second);
    }
    expect(at.slice(0, 7)).toEqual([2, 6, 14, 30, 62, 126, 246]);
    state.failure = undefined;
    await vi.advanceTimersByTimeAsync(120_000);
    expect(await hasSettled(cache())).toBe(true);
  });

  it("keeps more than 15 minutes of an hour left for a day, with refreshAheadSeconds 1800", async () => {
    for (const random of [0, 0.5, 0.999_999]) {
      vi.mocked(Math.random).mockReturnValue(random);
      const { cache, state } = setUp({ keepFresh: true, refreshAheadSeconds: 1_800 });
      await cache();
      state.latencyMs = 5_000;
      for (let minute = 0; minute < 24 * 60; minute += 1) {
        await vi.advanceTimersByTimeAsync(MINUTE);
        const { expiration } = await cache();
        expect(expiration.getTime() - Date.now()).toBeGreaterThan(15 * MINUTE);
      }
    }
  });

  it("does not run wild when sessions are very short", async () => {
    const { cache, contexts } = setUp({ keepFresh: true, lifeMs: 10 });
    await cache();
    await vi.advanceTimersByTimeAsync(MINUTE);
    expect(contexts.length).toBeLessThanOrEqual(61);
  });
});

describe("forceRefresh", () => {
  it("joins a pending refresh", async () => {
    const { cache, state, contexts } = setUp();
    state.latencyMs = 500;
    const requests = [cache(), cache(true), cache(true)];
    await vi.advanceTimersByTimeAsync(500);
    expect((await Promise.all(requests)).map(({ id }) => id)).toEqual([1, 1, 1]);
    expect(contexts).toHaveLength(1);
  });
});

describe("the refresh window", () => {
  const windowOf = async (setup: Parameters<typeof setUp>[0]): Promise<number> => {
    const { cache, contexts, state } = setUp(setup);
    await cache();
    for (let left = state.lifeMs - 10_000; left > 0; left -= 10_000) {
      vi.advanceTimersByTime(10_000);
      await cache();
      if (contexts.length > 1) return left;
    }
    return 0;
  };

  it.each([
    { session: "15 minutes", lifeMs: 15 * MINUTE, window: 5 * MINUTE },
    { session: "20 minutes", lifeMs: 20 * MINUTE, window: 5 * MINUTE },
    { session: "an hour", lifeMs: HOUR, window: 15 * MINUTE },
    { session: "90 minutes", lifeMs: 90 * MINUTE, window: 45 * MINUTE },
    { session: "12 hours", lifeMs: 12 * HOUR, window: HOUR },
    { session: "2 minutes, less than any window", lifeMs: 2 * MINUTE, window: MINUTE },
  ])("of a session of $session is $window ms, and no more than half of it", async ({ lifeMs, window }) => {
    expect(await windowOf({ lifeMs })).toBe(window);
  });

  it("is what refreshAheadSeconds says, up to half of the session", async () => {
    expect(await windowOf({ refreshAheadSeconds: 600 })).toBe(10 * MINUTE);
    expect(await windowOf({ refreshAheadSeconds: 43_200 })).toBe(30 * MINUTE);
  });

  it("of a user's own keeps a sixth of itself, and 150 s or half of itself", async () => {
    vi.mocked(Math.random).mockReturnValue(0.999_999);
    expect(await windowOf({ refreshAheadSeconds: 1_800 })).toBe(300_000);
    expect(await windowOf({ refreshAheadSeconds: 600 })).toBe(150_000);
    expect(await windowOf({ refreshAheadSeconds: 200 })).toBe(100_000);
  });

  it("is shortened by a third at most with keepFresh", async () => {
    vi.mocked(Math.random).mockReturnValue(0.999_999);
    expect(await windowOf({ refreshAheadSeconds: 1_800, keepFresh: true })).toBe(1_200_000);
  });

  it("is shortened by a random part for each session, but not below 150 s", async () => {
    vi.mocked(Math.random).mockReturnValue(0.5);
    expect(await windowOf({})).toBe(520_000);
    vi.mocked(Math.random).mockReturnValue(0.999_999);
    expect(await windowOf({})).toBe(150_000);
  });
});

describe("the clocks", () => {
  it("never serves a session past its end when the wall clock jumps back", async () => {
    const { cache } = setUp();
    await cache();
    vi.advanceTimersByTime(HOUR);
    vi.setSystemTime(new Date("2026-11-24T11:00:00Z"));
    expect((await cache()).id).toBe(2);
  });

  it("refreshes, once, when the wall clock jumps past the end", async () => {
    const { cache, contexts } = setUp();
    await cache();
    vi.setSystemTime(new Date("2026-11-25T12:00:00Z"));
    expect((await Promise.all([cache(), cache(), cache()])).map(({ id }) => id)).toEqual([2, 2, 2]);
    expect(contexts).toHaveLength(2);
  });

  it("counts the life of a session from the start of its acquisition", async () => {
    const { cache, state } = setUp({ longestLifeMs: HOUR });
    Object.assign(state, { latencyMs: 20_000, lifeMs: 2 * HOUR });
    const first = cache();
    await vi.advanceTimersByTimeAsync(20_000);
    await first;
    Object.assign(state, { latencyMs: 0, failure: new Error("STS is down") });
    vi.advanceTimersByTime(HOUR - 20_000);
    await expect(cache()).rejects.toThrow("STS is down");
  });

  it("refreshes a session that ends in 2099 like one of the length asked for", async () => {
    const { cache, state, contexts } = setUp({ longestLifeMs: HOUR, keepFresh: true });
    state.lifeMs = new Date("2099-01-01").getTime() - Date.now();
    await cache();
    await vi.advanceTimersByTimeAsync(24 * HOUR);
    expect(contexts.length).toBe(1 + Math.floor((24 * HOUR) / (45 * MINUTE)));
  });
});

it("keeps the session that lives when the next one has ended before it arrives, which is a failed refresh", async () => {
  const { cache, state, events } = setUp();
  const { expiration } = await cache();
  state.lifeMs = 0;
  await expect(cache(true)).rejects.toThrow("session 2 has ended");
  expect(events.at(-1)).toMatchObject({ type: "refreshFailed", failures: 1, servedUntil: expiration });
  expect((await cache()).id).toBe(1);
});

describe("events", () => {
  it.each(["refreshStarted", "refreshSucceeded", "refreshFailed", "staleServed"])(
    "lead to one refresh when a listener of %s asks for the session",
    async (type) => {
      let requests = 0;
      const state = { failure: undefined as Error | undefined };
      let acquisitions = 0;
      const cache = createCredentialCache<Session, undefined>({
        timeoutMs: 30_000,
        longestLifeSeconds: 3_600,
        expiredError: () => new Error("expired"),
        onEvent: (event) => {
          if (event.type !== type) return;
          requests += 1;
          for (const forceRefresh of [false, true]) cache(undefined, forceRefresh).catch(() => {});
        },
        acquire: async () => {
          acquisitions += 1;
          if (state.failure) throw state.failure;
          return { id: acquisitions, expiration: new Date(Date.now() + HOUR) };
        },
      });
      await cache(undefined);
      state.failure = new Error("STS is down");
      vi.advanceTimersByTime(46 * MINUTE);
      await cache(undefined);
      await settleBackground();
      await cache(undefined);
      await settleBackground();
      expect(requests).toBe(type === "refreshStarted" ? 2 : 1);
      expect(acquisitions).toBe(2);
    },
  );

  it("tell each refresh, with its reason and how long it took", async () => {
    const { cache, state, events } = setUp();
    state.latencyMs = 1_500;
    const ask = async (forceRefresh?: boolean) => {
      const request = cache(forceRefresh);
      await vi.advanceTimersByTimeAsync(1_500);
      await request;
    };
    await ask();
    await ask(true);
    vi.advanceTimersByTime(46 * MINUTE);
    await ask();
    vi.advanceTimersByTime(HOUR - 30_000);
    await ask();
    const reasons = ["empty", "forced", "ahead", "expiring"];
    expect(events).toMatchObject(
      reasons.flatMap((reason) => [
        { type: "refreshStarted", reason },
        { type: "refreshSucceeded", reason, durationMs: 1_500 },
      ]),
    );
  });

  it("tell a failure, when the next try is due, until when requests are served, and once that they are", async () => {
    const { cache, state, events } = setUp();
    const { expiration } = await cache();
    state.failure = new Error("STS is down");
    vi.advanceTimersByTime(46 * MINUTE);
    await cache();
    await settleBackground();
    await cache();
    await cache();
    expect(events.slice(2)).toEqual([
      { type: "refreshStarted", reason: "ahead" },
      {
        type: "refreshFailed",
        reason: "ahead",
        durationMs: 0,
        error: state.failure,
        failures: 1,
        nextRefreshAt: new Date(Date.now() + 1_000),
        servedUntil: expiration,
      },
      { type: "staleServed", expiration },
    ]);
  });
});
