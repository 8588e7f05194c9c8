import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { fromGkeWorkloadIdentity } from "../src/index.js";
import { fakeIdTokenProvider, fakeRoleAssumer } from "../src/testing/index.js";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

type Fault = "hangs" | "is slow" | "refuses" | "answers garbage";
type Cloud = "STS" | "the metadata server";

/** The fault lasts for 25 minutes of each hour and a half: it meets each part of a session's life some time in a day. */
const isFaulty = (): boolean => performance.now() % (90 * MINUTE) > 65 * MINUTE;

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function answerOf<T>(fault: Fault, answer: () => Promise<T>): Promise<T> {
  if (!isFaulty()) return answer();
  if (fault === "hangs") return new Promise(() => {});
  if (fault === "refuses") throw Object.assign(new Error("Service Unavailable"), { status: 503 });
  if (fault === "answers garbage") return "<html>" as T;
  await wait(4 * SECOND);
  return answer();
}

function createFaultyProvider(cloud: Cloud, fault: Fault, keepFresh: boolean) {
  const tokens = fakeIdTokenProvider();
  const assume = fakeRoleAssumer();
  const faultOf = (which: Cloud): Fault | undefined => (which === cloud ? fault : undefined);
  const answer = <T>(which: Cloud, work: () => Promise<T>): Promise<T> => {
    const its = faultOf(which);
    return its === undefined ? work() : answerOf(its, work);
  };
  return fromGkeWorkloadIdentity({
    roleArn: "arn:aws:iam::123456789012:role/reader",
    idTokenProvider: {
      fetchIdToken: (audience) => answer("the metadata server", () => tokens.fetchIdToken(audience)),
    },
    roleAssumerWithWebIdentity: (params) => answer("STS", () => assume(params)),
    timeoutMs: 8 * SECOND,
    keepFresh,
  });
}

beforeEach(() => vi.useFakeTimers({ now: new Date("2026-11-24T12:00:00Z") }));
afterEach(() => vi.useRealTimers());

const cases = (["STS", "the metadata server"] as const).flatMap((cloud) =>
  (["hangs", "is slow", "refuses", "answers garbage"] as const).flatMap((fault) =>
    [
      { every: "minute", everyMs: MINUTE, keepFresh: false },
      { every: "hour", everyMs: HOUR, keepFresh: false },
      { every: "hour, with keepFresh", everyMs: HOUR, keepFresh: true },
    ].map((load) => ({ cloud, fault, ...load })),
  ),
);

it.each(cases)(
  "waits 1.1 s at most while a session lives when $cloud $fault, for a day, one request a $every",
  async ({ cloud, fault, everyMs, keepFresh }) => {
    const provider = createFaultyProvider(cloud, fault, keepFresh);
    let end = 0;
    let served = 0;
    const request = async (): Promise<void> => {
      const arrived = performance.now();
      const isAlive = end - Date.now() > 5 * SECOND;
      await provider().then(
        ({ expiration }) => {
          served += 1;
          end = expiration.getTime();
          expect(end).toBeGreaterThan(Date.now());
        },
        () => expect(isAlive, "a request failed while its session was alive").toBe(false),
      );
      if (isAlive) expect(performance.now() - arrived).toBeLessThanOrEqual(1_100);
    };
    // The packages load in real time.
    await request();
    const requests: Promise<void>[] = [];
    for (let passed = 0; passed < 24 * HOUR; passed += everyMs) {
      await vi.advanceTimersByTimeAsync(everyMs);
      const answer = request();
      answer.catch(() => {});
      requests.push(answer);
    }
    await vi.advanceTimersByTimeAsync(MINUTE);
    await Promise.all(requests);
    // A fault outlives the end of some sessions.
    expect(served).toBeGreaterThan(requests.length * 0.7);
  },
);
