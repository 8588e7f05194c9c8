import { invalidConfiguration } from "../errors/create-error.js";
import { TimeoutError, withTimeout } from "../lib/time.js";
import { resolveStsRegions } from "../sts/regions.js";
import { checkClock } from "./check-clock.js";
import type { Setup } from "./check-configuration.js";
import { reachSts } from "./reach-sts.js";
import { type Finding, ok, skip, warn } from "./step.js";

export interface StsEndpoint {
  /** First to last. None where an injected role assumer calls STS. */
  readonly regions: readonly string[];
}

/** Which region STS is called in, whether it answers there, and what its clock says. */
export async function checkStsEndpoint(setup: Setup): Promise<Finding<StsEndpoint>> {
  const { options, roleSession } = setup;
  if (options.roleAssumerWithWebIdentity) {
    return skip("not asked: a roleAssumerWithWebIdentity is given", { regions: [] });
  }
  const { regions, isDefault } = await findRegions(setup);
  const [region = ""] = regions;
  const { host, clockAheadMs } = await reachSts({ options, region, roleArn: roleSession.roleArn });
  const clock = checkClock("STS", clockAheadMs);
  if (clock.status === "failed") return clock;
  if (clock.status === "warning") return { ...clock, facts: { regions } };
  const found = `${host}, region ${regions.join(", ")}`;
  if (!isDefault) return ok(found, { regions });
  return warn(
    `${found}, the default, because no region is configured`,
    "Set AWS_REGION to the region nearest to the pod.",
    { regions },
  );
}

async function findRegions({ options, roleSession }: Setup): Promise<StsEndpoint & { readonly isDefault: boolean }> {
  let isDefault = false;
  const emit = ({ type }: { readonly type: string }): void => {
    isDefault = type === "stsRegionDefaulted";
  };
  const regions = await withTimeout(
    options.timeoutMs,
    () => resolveStsRegions({ ...options, ...roleSession, emit }),
    () => {
      const cause = new TimeoutError(`The region of STS was not found within ${options.timeoutMs} ms`);
      return invalidConfiguration(cause.message, { cause });
    },
  );
  return { regions, isDefault };
}
