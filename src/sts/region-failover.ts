import type { Deadline } from "../lib/deadline.js";
import type { Emit } from "../options/events.js";
import { passesToNextRegion } from "./classify-sts-failure.js";

/** How long the region that answered after a failover is asked first. */
const REMEMBER_REGION_MS = 10 * 60_000;

/** Calls STS in the given regions until one answers. */
export type CallInRegions = <T>(
  regions: readonly string[],
  deadline: Deadline,
  call: (region: string, ms: number) => Promise<T>,
) => Promise<T>;

/**
 * Makes the function that passes on from a region that does not answer to the next one. Each region gets an equal share
 * of the time that is left. A refusal ends it: another region would refuse too.
 */
export function createRegionFailover(emit: Emit): CallInRegions {
  let lastAnswer: { readonly region: string; readonly until: number } | undefined;

  const inOrder = (regions: readonly string[]): readonly string[] => {
    const first = lastAnswer && performance.now() < lastAnswer.until ? lastAnswer.region : undefined;
    return first && regions.includes(first) ? [first, ...regions.filter((region) => region !== first)] : regions;
  };

  return async (regions, deadline, call) => {
    const ordered = inOrder(regions);
    for (const [index, region] of ordered.entries()) {
      const next = ordered[index + 1];
      try {
        const result = await call(region, deadline.remaining() / (ordered.length - index));
        lastAnswer = { region, until: performance.now() + REMEMBER_REGION_MS };
        return result;
      } catch (error) {
        if (next === undefined || !passesToNextRegion(error)) throw error;
        emit({ type: "stsRegionFailover", from: region, to: next, code: error.code });
      }
    }
    throw new RangeError("STS must be called in at least one region.");
  };
}
