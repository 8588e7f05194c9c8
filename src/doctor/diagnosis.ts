import { randomUUID } from "node:crypto";
import { isNodesAccount, trustCommand } from "../errors/commands.js";
import { type FromGkeWorkloadIdentityInit, GkeWorkloadIdentityError } from "../index.js";
import { startDeadline } from "../lib/deadline.js";
import { type ResolvedOptions, resolveOptions } from "../options/resolve-options.js";
import { type AssumeRole, type AwsSession, createRoleAssumer } from "../sts/assume-role.js";
import { resolveStsRegions } from "../sts/resolve-regions.js";
import { type RoleSession, readRoleSession } from "../sts/role-session.js";
import type { WebIdentityToken } from "../token/check-token.js";
import { describeWorkload } from "../token/describe-workload.js";
import { createGoogleIdTokenSource } from "../token/metadata-id-token.js";
import { findMetadataServer } from "./find-metadata-server.js";
import { getCallerIdentity, reachSts } from "./reach-sts.js";
import { isHealthy, judgeClock, STEPS, type StepName, type StepReport, type Verdict, warn } from "./step.js";

/** No step waits longer than this. */
const STEP_MS = 10_000;
const DESCRIBE_MS = 3_000;
const NEXT_STEP = "The next step says what to do.";

/** Walks the chain from configuration to a signed request, and stops at the first broken link. It changes nothing. */
export async function diagnose(
  init: FromGkeWorkloadIdentityInit,
  onStep: (report: StepReport) => void,
): Promise<readonly StepReport[]> {
  const walk = createWalk({ timeoutMs: STEP_MS, ...init });
  const reports: StepReport[] = [];
  for (const name of STEPS) {
    const isBroken = reports.some(({ status }) => status === "failed");
    const report: StepReport = isBroken
      ? { name, status: "skipped", durationMs: 0, detail: "not reached" }
      : await take(name, walk[name]);
    reports.push(report);
    if (!isBroken) onStep(report);
  }
  return reports;
}

async function take(name: StepName, step: () => Promise<Verdict>): Promise<StepReport> {
  const start = performance.now();
  const durationMs = (): number => Math.round(performance.now() - start);
  try {
    const verdict = await step();
    return { name, durationMs: durationMs(), ...verdict };
  } catch (error) {
    if (!(error instanceof GkeWorkloadIdentityError)) throw error;
    const { code, message, hint } = error;
    return { name, status: "failed", durationMs: durationMs(), detail: message, code, hint };
  }
}

/** The steps, each of which leaves what it found to the next ones. */
function createWalk(init: FromGkeWorkloadIdentityInit): Readonly<Record<StepName, () => Promise<Verdict>>> {
  let options: ResolvedOptions;
  let roleSession: RoleSession;
  let clockAheadMs: number | undefined;
  let idToken: WebIdentityToken;
  let regions: readonly string[];
  let assumeRole: AssumeRole;
  let session: AwsSession;

  const deadline = () => startDeadline(options.timeoutMs);
  const exchange = (token: WebIdentityToken): Promise<AwsSession> =>
    assumeRole({ ...token, ...roleSession, regions, callerClientConfig: undefined, deadline: deadline() });

  return {
    configuration: async () => {
      options = resolveOptions(init);
      roleSession = readRoleSession(options);
      return isHealthy(`${roleSession.roleArn} as ${roleSession.roleSessionName}, audience ${options.audience}`);
    },
    "metadata server": async () => {
      if (options.idTokenProvider) return isHealthy("not asked: an idTokenProvider is given");
      const found = await findMetadataServer(options, deadline());
      clockAheadMs = found.clockAheadMs;
      return isHealthy(found.address);
    },
    "service account": async () => {
      if (options.idTokenProvider) return isHealthy("the idTokenProvider's");
      const workload = await describeWorkload(DESCRIBE_MS);
      const email =
        options.serviceAccountEmail === "default" ? workload.serviceAccountEmail : options.serviceAccountEmail;
      const { namespace, kubernetesServiceAccount } = workload;
      const pod = namespace ? `, for ${namespace}/${kubernetesServiceAccount}` : "";
      if (email === undefined) return warn("the metadata server names none", NEXT_STEP);
      if (email.endsWith(".svc.id.goog")) return warn(`none: it answers with the workload pool, ${email}`, NEXT_STEP);
      if (isNodesAccount(email))
        return warn(
          `${email}, which is the node's own`,
          "A pod gets it on a node pool without the GKE metadata server, or on the host network. On Compute Engine and Cloud Run it is the default.",
        );
      return isHealthy(`${email}${pod}`);
    },
    "ID token": async () => {
      idToken = await createGoogleIdTokenSource(options)(deadline());
      const { azp, sub, aud, exp = 0 } = idToken.claims;
      const minutes = Math.round((exp * 1_000 - Date.now()) / 60_000);
      const found = `azp ${azp}, sub ${sub}, aud ${aud}, for ${minutes} more minutes`;
      if (/^\d+$/.test(azp ?? "")) return isHealthy(found);
      return warn(found, "azp is not a service account's unique id: a trust policy from createTrustPolicy refuses it.");
    },
    clock: async () => judgeClock("the metadata server", clockAheadMs),
    "STS endpoint": async () => {
      let isDefault = false;
      regions = options.roleAssumerWithWebIdentity
        ? []
        : await resolveStsRegions({
            ...options,
            ...roleSession,
            emit: ({ type }) => {
              isDefault = type === "stsRegionDefaulted";
            },
          });
      const [region] = regions;
      if (region === undefined) return isHealthy("not asked: a roleAssumerWithWebIdentity is given");
      const { hostname, clockAheadMs: aheadMs } = await reachSts(options, region, roleSession.roleArn);
      const clock = judgeClock("STS", aheadMs);
      if (clock.status !== "ok") return clock;
      const found = `${hostname}, region ${regions.join(", ")}`;
      return isDefault
        ? warn(`${found}, a mere default`, "Set AWS_REGION to the region nearest to the pod.")
        : isHealthy(found);
    },
    exchange: async () => {
      assumeRole = createRoleAssumer(options, () => {});
      session = await exchange(idToken);
      return isHealthy(`a session until ${session.expiration.toISOString()}`);
    },
    "caller identity": async () => {
      const [region] = regions;
      if (region === undefined) return isHealthy("not asked: a roleAssumerWithWebIdentity is given");
      return isHealthy(await getCallerIdentity(options, region, session, roleSession.roleArn));
    },
    "audience pinned": async () => {
      const audience = `gke-aws-credentials-doctor-${randomUUID()}`;
      try {
        await exchange(await createGoogleIdTokenSource({ ...options, audience })(deadline()));
      } catch (error) {
        const code = error instanceof GkeWorkloadIdentityError ? error.code : undefined;
        if (code === undefined) throw error;
        if (code === "STS_ACCESS_DENIED" || code === "STS_INVALID_TOKEN")
          return isHealthy("a token for another audience is refused");
        return warn(`could not be tried: ${code}`, "Try again.");
      }
      return warn(
        "the role lets in a token for any audience, so whoever this workload sends a Google ID token to can replay it",
        `Pin accounts.google.com:oaud in the trust policy.\n  ${trustCommand({ ...roleSession, claims: idToken.claims })}`,
      );
    },
  };
}
