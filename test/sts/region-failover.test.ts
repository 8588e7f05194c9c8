import { describe, expect, it, vi } from "vitest";
import { createError } from "../../src/errors/create-error.js";
import type { GkeWorkloadIdentityErrorCode } from "../../src/index.js";
import { startDeadline } from "../../src/lib/time.js";
import { createRegionFailover } from "../../src/sts/regions.js";

const regions = ["us-east-1", "us-west-2", "eu-west-1"];
const failsWith = (code: GkeWorkloadIdentityErrorCode) => () => Promise.reject(createError(code));

/** Regions that fail as they are told, and what happened to them. */
function setUp(failures: Record<string, () => Promise<never>>, maxCalls = 6) {
  const asked: string[] = [];
  const emit = vi.fn();
  const callInRegions = createRegionFailover(emit);
  const deadline = startDeadline(1_000);
  const call = async (region: string): Promise<string> => {
    asked.push(region);
    await failures[region]?.();
    return region;
  };
  return {
    asked,
    emit,
    failures,
    answer: () => callInRegions({ regions, deadline, hasCallsLeft: () => asked.length < maxCalls, call }),
  };
}

describe("createRegionFailover", () => {
  it("forgets the region that answered last when it is not among the regions any more", async () => {
    const callInRegions = createRegionFailover(() => {});
    const ask = (list: readonly string[]) =>
      callInRegions({
        regions: list,
        deadline: startDeadline(1_000),
        hasCallsLeft: () => true,
        call: async (region) => region,
      });
    expect(await ask(["us-west-2"])).toBe("us-west-2");
    expect(await ask(["us-east-1", "us-west-2"])).toBe("us-west-2");
    expect(await ask(["us-east-1", "eu-west-1"])).toBe("us-east-1");
  });

  it("calls the first region alone when that answers", async () => {
    const { asked, emit, answer } = setUp({});
    expect(await answer()).toBe("us-east-1");
    expect(asked).toEqual(["us-east-1"]);
    expect(emit).not.toHaveBeenCalled();
  });

  it("passes on and tells an event when a region is unreachable", async () => {
    const { emit, answer } = setUp({ "us-east-1": failsWith("STS_UNREACHABLE") });
    expect(await answer()).toBe("us-west-2");
    const code = "STS_UNREACHABLE";
    expect(emit.mock.calls).toEqual([[{ type: "stsRegionFailover", from: "us-east-1", to: "us-west-2", code }]]);
  });

  it.each<GkeWorkloadIdentityErrorCode>(["STS_ACCESS_DENIED", "STS_THROTTLED", "STS_INVALID_RESPONSE"])(
    "calls no other region when one answers with %s",
    async (code) => {
      const { asked, answer } = setUp({ "us-east-1": failsWith(code) });
      await expect(answer()).rejects.toMatchObject({ code });
      expect(asked).toEqual(["us-east-1"]);
    },
  );

  it("calls the region that answered last first, and the others in their order, when it is called again", async () => {
    const { asked, failures, answer } = setUp({ "us-east-1": failsWith("STS_UNREACHABLE") });
    await answer();
    asked.length = 0;
    failures["us-west-2"] = failsWith("STS_UNREACHABLE");
    expect(await answer()).toBe("eu-west-1");
    expect(asked).toEqual(["us-west-2", "us-east-1", "eu-west-1"]);
  });

  it("calls no other region when no call is left", async () => {
    const { asked, answer } = setUp({ "us-east-1": failsWith("STS_UNREACHABLE") }, 1);
    await expect(answer()).rejects.toMatchObject({ code: "STS_UNREACHABLE" });
    expect(asked).toEqual(["us-east-1"]);
  });

  it("gives each region an equal share of the time that is left", async () => {
    const shares: number[] = [];
    const call = (_: string, ms: number): Promise<never> => {
      shares.push(ms);
      return failsWith("STS_UNREACHABLE")();
    };
    const remaining = vi.fn().mockReturnValueOnce(900).mockReturnValueOnce(600).mockReturnValueOnce(300);
    const calls = { regions, deadline: { remaining }, hasCallsLeft: () => true, call };
    await expect(createRegionFailover(() => {})(calls)).rejects.toThrow();
    expect(shares).toEqual([300, 300, 300]);
  });
});
