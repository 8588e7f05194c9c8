import type { FromGkeWorkloadIdentityInit } from "../index.js";
import { checkClock } from "./check-clock.js";
import { checkAudiencePinned, checkCallerIdentity, checkExchange, checkStsEndpoint } from "./check-sts.js";
import { checkConfiguration, checkIdToken, checkMetadataServer, checkServiceAccount } from "./check-workload.js";
import { type Check, runStep, STEPS, type StepName, type StepReport } from "./step.js";

/** Walks the chain from configuration to a signed request, and stops at the first broken link. It changes nothing. */
export async function diagnose(
  init: FromGkeWorkloadIdentityInit,
  onStep: (report: StepReport) => void,
): Promise<readonly StepReport[]> {
  const reports: StepReport[] = [];
  /** Takes one step and gives the facts that it found. */
  const take = async <Facts>(name: StepName, check: Check<Facts>): Promise<Facts> => {
    const { finding, report } = await runStep(name, check);
    reports.push(report);
    onStep(report);
    if (finding.status === "failed") throw new Error("broken link");
    return finding.facts;
  };
  try {
    const setup = await take("configuration", () => checkConfiguration(init));
    const clockAheadMs = await take("metadata server", () => checkMetadataServer(setup));
    const account = await take("service account", () => checkServiceAccount(setup));
    const idToken = await take("ID token", () => checkIdToken(setup, account));
    await take("clock", () => checkClock("the metadata server", clockAheadMs));
    const regions = await take("STS endpoint", () => checkStsEndpoint(setup));
    const exchange = await take("exchange", () => checkExchange(setup, regions, idToken));
    await take("caller identity", () => checkCallerIdentity(setup, regions, exchange));
    await take("audience pinned", () => checkAudiencePinned(setup, idToken, exchange));
  } catch (error) {
    if (reports.at(-1)?.status !== "failed") throw error;
  }
  const skipped = STEPS.slice(reports.length).map(
    (name): StepReport => ({ name, status: "skipped", durationMs: 0, detail: "not reached" }),
  );
  return [...reports, ...skipped];
}
