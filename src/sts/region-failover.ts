import type { Deadline } from "../lib/deadline.js";
import type { Emit } from "../options/events.js";
import { isUnreachable } from "./classify-sts-failure.js";

/** How long the region that answered after a failover is asked first. */
const REMEMBER_REGION_MS = 10 * 60_000;

export interface RegionCalls<T> {
  /** At least one, first to last. */
  readonly regions: readonly string[];
  readonly deadline: Deadline;
  readonly hasCallsLeft: () => boolean;
  /** Calls STS in one region, for at most `ms`. */
  readonly call: (region: string, ms: number) => Promise<T>;
}

/** Calls each region once, until one answers. */
export type CallInRegions = <T>(calls: RegionCalls<T>) => Promise<T>;

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

  return async ({ regions, deadline, hasCallsLeft, call }) => {
    const [first = "", ...others] = inOrder(regions);
    let region = first;
    for (;;) {
      try {
        const result = await call(region, deadline.remaining() / (others.length + 1));
        lastAnswer = { region, until: performance.now() + REMEMBER_REGION_MS };
        return result;
      } catch (error) {
        const next = others.shift();
        if (next === undefined || !isUnreachable(error) || !hasCallsLeft()) throw error;
        emit({ type: "stsRegionFailover", from: region, to: next, code: error.code });
        region = next;
      }
    }
  };
}
