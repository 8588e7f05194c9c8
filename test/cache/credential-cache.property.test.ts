import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createCredentialCache, type Expiring } from "../../src/cache/credential-cache.js";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const TIMEOUT = 30 * SECOND;
const START = new Date("2026-11-24T12:00:00Z");

interface Session extends Expiring {
  readonly expiration: Date;
  readonly id: number;
  /** When it really ends: on the clock that nobody can set. */
  readonly trueEnd: number;
}

/** One thing that happens to a service. */
type Step =
  | { readonly kind: "requests"; readonly count: number; readonly forceRefresh: boolean }
  | { readonly kind: "wait"; readonly ms: number }
  | { readonly kind: "clockJump"; readonly ms: number };

/** How the acquisitions go, in turn. */
interface Acquisition {
  readonly latencyMs: number;
  readonly outcome: "session" | "failure" | "expiredSession" | "timeLimit";
}

const upTo = (max: number) => fc.integer({ min: 1, max });
const requests = (most: number, forceRefresh: boolean) =>
  upTo(most).map((count): Step => ({ kind: "requests", count, forceRefresh }));
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: requests(5, false) },
  { weight: 1, arbitrary: requests(3, true) },
  { weight: 5, arbitrary: fc.oneof(upTo(5 * SECOND), upTo(30 * MINUTE)).map((ms): Step => ({ kind: "wait", ms })) },
  {
    weight: 1,
    arbitrary: fc.integer({ min: -120 * MINUTE, max: 120 * MINUTE }).map((ms): Step => ({ kind: "clockJump", ms })),
  },
);

const acquisition: fc.Arbitrary<Acquisition> = fc.record({
  latencyMs: fc.oneof(fc.constant(0), upTo(TIMEOUT - 1)),
  outcome: fc.oneof(
    { weight: 5, arbitrary: fc.constant("session" as const) },
    { weight: 3, arbitrary: fc.constant("failure" as const) },
    { weight: 2, arbitrary: fc.constant("timeLimit" as const) },
    { weight: 1, arbitrary: fc.constant("expiredSession" as const) },
  ),
});

interface Scenario {
  readonly lifeMs: number;
  /** How far this machine's clock is ahead from the start; behind where it is negative. */
  readonly skewMs: number;
  readonly keepFresh: boolean;
  readonly steps: readonly Step[];
  readonly acquisitions: readonly Acquisition[];
}

const scenario: fc.Arbitrary<Scenario> = fc.record({
  lifeMs: fc.constantFrom(15 * MINUTE, 60 * MINUTE, 12 * 60 * MINUTE),
  skewMs: fc.oneof(fc.constant(0), fc.integer({ min: -30 * 24 * 60 * MINUTE, max: 120 * MINUTE })),
  keepFresh: fc.boolean(),
  steps: fc.array(step, { minLength: 1, maxLength: 40 }),
  acquisitions: fc.array(acquisition, { minLength: 1, maxLength: 20 }),
});

beforeEach(() => vi.useFakeTimers({ now: START }));
afterEach(() => vi.useRealTimers());

/** Plays a scenario and checks every invariant as it goes. */
async function play({ lifeMs, skewMs, keepFresh, steps, acquisitions }: Scenario) {
  vi.useFakeTimers({ now: START.getTime() + skewMs });
  const starts: number[] = [];
  const requests: Promise<void>[] = [];
  const timeOver = new Error("its time was over");
  let running = 0;
  let jumps = 0;
  let longestWaitMs = 0;
  let pausedUntil = Number.NEGATIVE_INFINITY;
  let latest: Session | undefined;
  let cached: Session | undefined;
  let cachedEnd = 0;
  const trueNow = () => performance.now();
  /** What the cache may believe at most: no clock says more. */
  const left = () => (cached ? Math.min(cachedEnd - trueNow(), cached.expiration.getTime() - Date.now()) : 0);

  const cache = createCredentialCache<Session, undefined>({
    timeoutMs: TIMEOUT,
    longestLifeSeconds: lifeMs / SECOND,
    keepFresh,
    expiredError: () => new Error("expired"),
    onEvent: (event) => {
      // Without a session, requests fail at once until the next try.
      if (event.type === "refreshFailed")
        pausedUntil = trueNow() + (event.servedUntil ? SECOND : event.nextRefreshAt.getTime() - Date.now());
      if (event.type !== "refreshSucceeded" || latest === undefined) return;
      cached = latest;
      cachedEnd = trueNow() + Math.min(latest.expiration.getTime() - Date.now(), starts.at(-1)! + lifeMs - trueNow());
    },
    acquire: async () => {
      const id = starts.push(trueNow());
      const { latencyMs, outcome } = acquisitions[(id - 1) % acquisitions.length]!;
      running += 1;
      expect(running, "never more than one refresh at once").toBe(1);
      const ms = outcome === "timeLimit" ? TIMEOUT : latencyMs;
      if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms));
      running -= 1;
      if (outcome === "timeLimit") throw timeOver;
      if (outcome === "failure") throw new Error(`failure ${id}`);
      if (outcome === "expiredSession") return { id, expiration: new Date(Date.now() - 1), trueEnd: 0 };
      const trueEnd = trueNow() + lifeMs;
      // STS dates the end by its own clock, which is right.
      latest = { id, expiration: new Date(START.getTime() + trueEnd), trueEnd };
      return latest;
    },
  });

  const request = async (forceRefresh: boolean): Promise<void> => {
    const arrived = trueNow();
    const [leftThen, jumpsThen, isPaused] = [left(), jumps, arrived < pausedUntil];
    const isBounded = () => !forceRefresh && leftThen > 5 * SECOND && jumps === jumpsThen;
    let settled = false;
    const answer = cache(undefined, forceRefresh).then(
      (session) => {
        settled = true;
        expect(session.trueEnd, "never serves a dead session, however wrong the clock is").toBeGreaterThan(trueNow());
        if (isBounded()) expect(trueNow() - arrived, "waits 1.1 s at most while alive").toBeLessThanOrEqual(1_100);
      },
      (error) => {
        settled = true;
        expect(isBounded(), "never fails with more than 5 s left").toBe(false);
        if (error === timeOver && !isPaused && !forceRefresh)
          expect(trueNow() - arrived, "has the whole time limit to itself").toBeGreaterThanOrEqual(TIMEOUT - 1);
      },
    );
    const done = answer.finally(() => {
      longestWaitMs = Math.max(longestWaitMs, trueNow() - arrived);
    });
    // Microtasks only: whatever needs time to pass has not settled after these.
    for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
    if (!forceRefresh && leftThen > MINUTE) expect(settled, "never waits with more than a minute left").toBe(true);
    return done;
  };

  for (const next of steps) {
    if (next.kind === "wait") await vi.advanceTimersByTimeAsync(next.ms);
    if (next.kind === "clockJump") {
      jumps += 1;
      vi.setSystemTime(Date.now() + next.ms);
    }
    if (next.kind === "requests") {
      for (let count = 0; count < next.count; count += 1) {
        const answer = request(next.forceRefresh);
        answer.catch(() => {});
        requests.push(answer);
      }
    }
    await vi.advanceTimersByTimeAsync(0);
  }
  const elapsedMs = trueNow();
  await vi.advanceTimersByTimeAsync(3 * TIMEOUT);
  await Promise.all(requests);
  expect(longestWaitMs, "no request waits longer than its time limit").toBeLessThanOrEqual(TIMEOUT * 1.1);
  return { starts, elapsedMs };
}

describe("for any schedule of requests, failures, latencies, clock skew and clock jumps, the cache", () => {
  it("serves no dead session, waits and fails only at the end of one, and gives each request its own time", async () => {
    const isHeldFor = async (given: Scenario) => void (await play(given));
    await fc.assert(fc.asyncProperty(scenario, isHeldFor), { numRuns: 300 });
  });

  it("tries no more than once a second after a failure, however many requests come", async () => {
    const busy = fc.array(upTo(300), { minLength: 20, maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(busy, fc.boolean(), async (waits, keepFresh) => {
        const { starts, elapsedMs } = await play({
          lifeMs: 15 * MINUTE,
          skewMs: 0,
          keepFresh,
          steps: waits.flatMap((ms): Step[] => [
            { kind: "wait", ms },
            { kind: "requests", count: 5, forceRefresh: false },
          ]),
          acquisitions: [{ latencyMs: 0, outcome: "failure" }],
        });
        const during = starts.filter((start) => start <= elapsedMs);
        expect(during.length).toBeLessThanOrEqual(Math.ceil(elapsedMs / SECOND) + 1);
        for (const [index, start] of during.slice(1).entries())
          expect(start - during[index]!).toBeGreaterThanOrEqual(SECOND);
      }),
      { numRuns: 30 },
    );
  });
});

describe("a hundred thousand refreshes", () => {
  it("leave nothing behind", async () => {
    vi.useRealTimers();
    const cache = createCredentialCache<Session & { readonly bulk: Uint8Array }, undefined>({
      timeoutMs: 30 * SECOND,
      longestLifeSeconds: 60,
      expiredError: () => new Error("expired"),
      acquire: async () => ({
        id: 0,
        trueEnd: 0,
        bulk: new Uint8Array(10_000),
        expiration: new Date(Date.now() + MINUTE),
      }),
    });
    for (let refresh = 0; refresh < 1_000; refresh += 1) await cache(undefined, true);
    const before = process.memoryUsage().arrayBuffers;
    for (let refresh = 0; refresh < 100_000; refresh += 1) await cache(undefined, true);
    // Kept sessions would be 1 GB; what the collector has not come to yet is far less.
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(300_000_000);
  });
});
