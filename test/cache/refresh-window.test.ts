import { describe, expect, it, vi } from "vitest";
import { phaseOf, refreshWindows } from "../../src/cache/refresh-window.js";

const SECOND = 1_000;
const HOUR = 3_600 * SECOND;

describe("phaseOf", () => {
  const windows = { life: HOUR, refreshAt: 900 * SECOND, waitAt: 60 * SECOND, mustWaitAt: 5 * SECOND };

  it.each([
    [HOUR, "fresh"],
    [900_001, "fresh"],
    [900_000, "due"],
    [60_001, "due"],
    [60_000, "lastMinute"],
    [5_001, "lastMinute"],
    [5_000, "lastSeconds"],
    [1, "lastSeconds"],
    [0, "none"],
    [-HOUR, "none"],
  ])("says for %d ms of life left: %s", (left, phase) => {
    expect(phaseOf(left, windows)).toBe(phase);
  });
});

describe("refreshWindows", () => {
  it("takes off at most a third with keepFresh", () => {
    const windowsOf = (random: number) => {
      vi.spyOn(Math, "random").mockReturnValue(random);
      return refreshWindows(HOUR, { refreshAheadSeconds: 1_800, keepFresh: true }).refreshAt;
    };
    expect(windowsOf(0)).toBe(1_800 * SECOND);
    expect(windowsOf(0.999_999)).toBeCloseTo(1_200 * SECOND, -1);
  });

  it("never lets the last minute begin before the refresh window", () => {
    vi.spyOn(Math, "random").mockReturnValue(0.999_999);
    for (const life of [1, SECOND, 30 * SECOND, 240 * SECOND, 900 * SECOND, HOUR, 12 * HOUR]) {
      const { refreshAt, waitAt, mustWaitAt } = refreshWindows(life, { refreshAheadSeconds: 120 });
      expect(refreshAt).toBeGreaterThanOrEqual(waitAt);
      expect(waitAt).toBeGreaterThanOrEqual(mustWaitAt);
    }
  });
});
