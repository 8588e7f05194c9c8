import { describe, expect, it, vi } from "vitest";
import { backoffMs } from "../../src/lib/time.js";

describe("backoffMs", () => {
  it("doubles the longest wait with each failure, up to maxMs, however many failures there were", () => {
    vi.spyOn(Math, "random").mockReturnValue(1);
    const waits = [1, 2, 3, 4, 5, 1_000_000].map((failures) => backoffMs(failures, { firstMs: 100, maxMs: 1_000 }));
    expect(waits).toEqual([100, 200, 400, 800, 1_000, 1_000]);
  });

  it("takes any wait from leastMs up to the longest one, by chance", () => {
    const random = vi.spyOn(Math, "random").mockReturnValue(0);
    expect(backoffMs(3, { firstMs: 100, maxMs: 1_000 })).toBe(0);
    expect(backoffMs(3, { firstMs: 100, maxMs: 1_000, leastMs: 50 })).toBe(50);
    random.mockReturnValue(0.5);
    expect(backoffMs(3, { firstMs: 100, maxMs: 1_000, leastMs: 50 })).toBe(200);
  });
});
