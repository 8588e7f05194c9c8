import type { FromGkeWorkloadIdentityInit } from "../index.js";
import { checkAudiencePinned } from "./check-audience-pinned.js";
import { checkCallerIdentity } from "./check-caller-identity.js";
import { checkClock } from "./check-clock.js";
import { checkConfiguration } from "./check-configuration.js";
import { checkExchange } from "./check-exchange.js";
import { checkIdToken } from "./check-id-token.js";
import { checkMetadataServer } from "./check-metadata-server.js";
import { checkServiceAccount } from "./check-service-account.js";
import { checkStsEndpoint } from "./check-sts-endpoint.js";
import { type Finding, runStep, STEPS, type StepName, type StepReport } from "./step.js";

/** Ends the walk at the first broken link. */
class BrokenLink extends Error {}

/** Walks the chain from configuration to a signed request, and stops at the first broken link. It changes nothing. */
export async function diagnose(
  init: FromGkeWorkloadIdentityInit,
  onStep: (report: StepReport) => void,
): Promise<readonly StepReport[]> {
  const reports: StepReport[] = [];
  const take: Take = async (name, check) => {
    const { finding, report } = await runStep(name, check);
    reports.push(report);
    onStep(report);
    if (finding.status === "failed") throw new BrokenLink(name);
    return finding.facts;
  };
  try {
    await walk(init, take);
  } catch (error) {
    if (!(error instanceof BrokenLink)) throw error;
  }
  const skipped = STEPS.slice(reports.length).map(
    (name): StepReport => ({ name, status: "skipped", durationMs: 0, detail: "not reached" }),
  );
  return [...reports, ...skipped];
}

/** Takes one step and gives what it found. */
type Take = <Facts>(name: StepName, check: () => Promise<Finding<Facts>> | Finding<Facts>) => Promise<Facts>;

/** The chain: each step is given what the steps before it found. */
async function walk(init: FromGkeWorkloadIdentityInit, take: Take): Promise<void> {
  const setup = await take("configuration", () => checkConfiguration(init));
  const server = await take("metadata server", () => checkMetadataServer(setup));
  const account = await take("service account", () => checkServiceAccount(setup));
  const idToken = await take("ID token", () => checkIdToken(setup, account));
  await take("clock", () => checkClock("the metadata server", server.clockAheadMs));
  const endpoint = await take("STS endpoint", () => checkStsEndpoint(setup));
  const exchange = await take("exchange", () => checkExchange(setup, endpoint, idToken));
  await take("caller identity", () => checkCallerIdentity(setup, endpoint, exchange));
  await take("audience pinned", () => checkAudiencePinned(setup, idToken, exchange));
}
