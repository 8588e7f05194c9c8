import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { fromGkeWorkloadIdentity } from "../src/index.js";
import { fakeIdTokenProvider, fakeRoleAssumer } from "../src/testing/index.js";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const DAY = 24 * 60 * MINUTE;
const TIMEOUT = 8 * SECOND;

const FAULTS = ["hangs", "is slow", "refuses", "answers garbage"] as const;
type Fault = (typeof FAULTS)[number];

interface Episode {
  readonly cloud: "STS" | "the metadata server";
  readonly fault: Fault;
  readonly from: number;
  readonly to: number;
}

/** A day of outages of 1 to 40 minutes at either server, the same ones for the same seed. */
function outages(seed: number): readonly Episode[] {
  let state = seed;
  const random = (): number => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return state / 2 ** 31;
  };
  const episodes: Episode[] = [];
  for (let at = 10 * MINUTE; at < DAY; ) {
    const to = at + MINUTE + random() * 39 * MINUTE;
    const fault = FAULTS[Math.floor(random() * FAULTS.length)] ?? "hangs";
    episodes.push({ cloud: random() < 0.5 ? "STS" : "the metadata server", fault, from: at, to });
    at = to + random() * 60 * MINUTE;
  }
  return episodes;
}

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function answerOf<T>(fault: Fault | undefined, answer: () => Promise<T>): Promise<T> {
  if (fault === "hangs") return new Promise(() => {});
  if (fault === "refuses") throw Object.assign(new Error("Service Unavailable"), { status: 503 });
  if (fault === "answers garbage") return "<html>" as T;
  if (fault === "is slow") await wait(4 * SECOND);
  return answer();
}

beforeEach(() => vi.useFakeTimers({ now: new Date("2026-11-24T12:00:00Z") }));
afterEach(() => vi.useRealTimers());

it.each([
  { seed: 1, keepFresh: false, everyMs: SECOND },
  { seed: 2, keepFresh: true, everyMs: 30 * SECOND },
  { seed: 3, keepFresh: false, everyMs: 20 * MINUTE },
  { seed: 4, keepFresh: true, everyMs: 20 * MINUTE },
])("serves no dead session and waits 1.1 s at most while one lives, in a day of outages: %j", async (load) => {
  const { seed, keepFresh, everyMs } = load;
  const unhandled: unknown[] = [];
  const onUnhandled = (reason: unknown): unknown => unhandled.push(reason);
  process.on("unhandledRejection", onUnhandled);
  const episodes = outages(seed);
  const faultOf = (cloud: Episode["cloud"]): Fault | undefined => {
    const now = performance.now();
    return episodes.find((episode) => episode.cloud === cloud && now >= episode.from && now < episode.to)?.fault;
  };
  const tokens = fakeIdTokenProvider();
  const assume = fakeRoleAssumer();
  const provider = fromGkeWorkloadIdentity({
    roleArn: "arn:aws:iam::123456789012:role/reader",
    idTokenProvider: {
      fetchIdToken: (audience) => answerOf(faultOf("the metadata server"), () => tokens.fetchIdToken(audience)),
    },
    roleAssumerWithWebIdentity: (params) => answerOf(faultOf("STS"), () => assume(params)),
    timeoutMs: TIMEOUT,
    keepFresh,
  });
  const counts = { served: 0, failed: 0, inFlight: 0, mostInFlight: 0, longestMs: 0, longestWhileAliveMs: 0 };
  let end = 0;
  const request = async (): Promise<void> => {
    const arrived = performance.now();
    const isAlive = end - Date.now() > 5 * SECOND;
    counts.inFlight += 1;
    counts.mostInFlight = Math.max(counts.mostInFlight, counts.inFlight);
    await provider().then(
      ({ expiration }) => {
        counts.served += 1;
        end = expiration.getTime();
        expect(end, "a dead session was served").toBeGreaterThan(Date.now());
      },
      () => {
        counts.failed += 1;
        expect(isAlive, "a request failed while its session was alive").toBe(false);
      },
    );
    counts.inFlight -= 1;
    const ms = performance.now() - arrived;
    counts.longestMs = Math.max(counts.longestMs, ms);
    if (isAlive) counts.longestWhileAliveMs = Math.max(counts.longestWhileAliveMs, ms);
  };
  // The packages load in real time.
  await request();
  const requests: Promise<void>[] = [];
  for (let passed = 0; passed < DAY; passed += everyMs) {
    requests.push(request());
    await vi.advanceTimersByTimeAsync(everyMs);
  }
  await vi.advanceTimersByTimeAsync(2 * TIMEOUT);
  await Promise.all(requests);
  process.off("unhandledRejection", onUnhandled);
  expect(unhandled).toEqual([]);
  expect(counts.longestWhileAliveMs).toBeLessThanOrEqual(1_100);
  expect(counts.longestMs).toBeLessThanOrEqual(TIMEOUT * 1.1);
  expect(counts.mostInFlight).toBeLessThanOrEqual((TIMEOUT * 1.1) / everyMs + 1);
  expect(counts.served).toBeGreaterThan(counts.failed);
});
