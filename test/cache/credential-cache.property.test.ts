import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createCredentialCache, type Expiring } from "../../src/cache/credential-cache.js";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const START = new Date("2026-11-24T12:00:00Z");

interface Session extends Expiring {
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
  readonly outcome: "session" | "failure" | "expiredSession";
}

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant("requests" as const),
      count: fc.integer({ min: 1, max: 20 }),
      forceRefresh: fc.constant(false),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("requests" as const),
      count: fc.integer({ min: 1, max: 3 }),
      forceRefresh: fc.constant(true),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant("wait" as const),
      ms: fc.oneof(fc.integer({ min: 1, max: 5 * SECOND }), fc.integer({ min: 1, max: 30 * MINUTE })),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("clockJump" as const),
      ms: fc.integer({ min: -120 * MINUTE, max: 120 * MINUTE }),
    }),
  },
);

const acquisition: fc.Arbitrary<Acquisition> = fc.record({
  latencyMs: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 40 * SECOND })),
  outcome: fc.oneof(
    { weight: 5, arbitrary: fc.constant("session" as const) },
    { weight: 4, arbitrary: fc.constant("failure" as const) },
    { weight: 1, arbitrary: fc.constant("expiredSession" as const) },
  ),
});

const scenario = fc.record({
  lifeMs: fc.constantFrom(15 * MINUTE, 60 * MINUTE, 12 * 60 * MINUTE),
  steps: fc.array(step, { minLength: 1, maxLength: 60 }),
  acquisitions: fc.array(acquisition, { minLength: 1, maxLength: 20 }),
});

beforeEach(() => vi.useFakeTimers({ now: START }));
afterEach(() => vi.useRealTimers());

/** Plays a scenario and checks every invariant as it goes. */
async function play({
  lifeMs,
  steps,
  acquisitions,
}: {
  lifeMs: number;
  steps: readonly Step[];
  acquisitions: readonly Acquisition[];
}) {
  const starts: number[] = [];
  const requests: Promise<void>[] = [];
  let flights = 0;
  let forced = 0;
  let latest: Session | undefined;
  let cached: Session | undefined;
  const trueNow = () => performance.now();

  const cache = createCredentialCache<Session, undefined>({
    expiredError: () => new Error("expired"),
    onEvent: ({ type }) => {
      if (type === "refreshSucceeded") cached = latest;
    },
    acquire: async () => {
      const id = starts.push(trueNow());
      const { latencyMs, outcome } = acquisitions[(id - 1) % acquisitions.length]!;
      flights += 1;
      expect(flights, "never more than one flight").toBe(1);
      if (latencyMs > 0) await new Promise((resolve) => setTimeout(resolve, latencyMs));
      flights -= 1;
      if (outcome === "failure") throw new Error(`failure ${id}`);
      const life = outcome === "expiredSession" ? -1 : lifeMs;
      latest = { id, expiration: new Date(Date.now() + life), trueEnd: trueNow() + life };
      return latest;
    },
  });

  const request = async (forceRefresh: boolean): Promise<void> => {
    const before = cached;
    const left = before ? Math.min(before.trueEnd - trueNow(), before.expiration.getTime() - Date.now()) : 0;
    let settled = false;
    const answer = cache(undefined, forceRefresh).then(
      (session) => {
        settled = true;
        expect(session.trueEnd, "never serves a session past its end").toBeGreaterThan(trueNow());
        expect(session.expiration.getTime(), "nor past its end by the wall clock").toBeGreaterThan(Date.now());
      },
      () => {
        settled = true;
        expect(forceRefresh || left <= MINUTE, "never fails while more than a minute is left").toBe(true);
      },
    );
    // Microtasks only: whatever needs time to pass has not settled after these.
    for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
    if (!forceRefresh && left > MINUTE) expect(settled, "never waits while more than a minute is left").toBe(true);
    return answer;
  };

  for (const next of steps) {
    if (next.kind === "wait") await vi.advanceTimersByTimeAsync(next.ms);
    if (next.kind === "clockJump") vi.setSystemTime(Date.now() + next.ms);
    if (next.kind === "requests") {
      if (next.forceRefresh) forced += next.count;
      for (let count = 0; count < next.count; count += 1) requests.push(request(next.forceRefresh));
    }
    await vi.advanceTimersByTimeAsync(0);
  }
  await vi.advanceTimersByTimeAsync(MINUTE);
  await Promise.all(requests);
  return { starts, forced, elapsedMs: trueNow() };
}

describe("for any schedule of requests, failures, latencies and clock jumps, the cache", () => {
  it("never serves a session past its end, never flies twice at once, never waits or fails with a minute left", async () => {
    await fc.assert(
      fc.asyncProperty(scenario, async (given) => {
        vi.setSystemTime(START);
        await play(given);
      }),
      { numRuns: 500 },
    );
  });

  it("tries no more than once a second after a failure, however many requests come", async () => {
    const busy = fc.array(fc.record({ kind: fc.constant("wait" as const), ms: fc.integer({ min: 1, max: 300 }) }), {
      minLength: 20,
      maxLength: 60,
    });
    await fc.assert(
      fc.asyncProperty(busy, async (waits) => {
        vi.setSystemTime(START);
        const began = performance.now();
        const steps = waits.flatMap((wait): Step[] => [wait, { kind: "requests", count: 50, forceRefresh: false }]);
        const { starts } = await play({
          lifeMs: 15 * MINUTE,
          steps,
          acquisitions: [{ latencyMs: 0, outcome: "failure" }],
        });
        const seconds = (performance.now() - MINUTE - began) / SECOND;
        expect(starts.length).toBeLessThanOrEqual(Math.ceil(seconds) + 1);
        for (const [index, start] of starts.slice(1).entries())
          expect(start - starts[index]!).toBeGreaterThanOrEqual(SECOND);
      }),
      { numRuns: 100 },
    );
  });
});

describe("a hundred thousand refreshes", () => {
  it("leave nothing behind", async () => {
    vi.useRealTimers();
    const cache = createCredentialCache<Session & { readonly bulk: Uint8Array }, undefined>({
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
