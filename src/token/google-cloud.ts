import { createError, invalidConfiguration, serverlessPlatform } from "../errors/create-error.js";
import { describeFailure } from "../lib/failure.js";
import { type Deadline, type RetryInit, retry, startDeadline } from "../lib/time.js";
import { askMetadata, ForeignAnswerError, loadGoogleAuth, metadataHostVariables } from "./metadata.js";
import { toTokenError } from "./token-failure.js";
import { readKubernetesToken } from "./workload.js";

/** Whether to expect Google's metadata server. `likely`: by a hint that other platforms give too. */
export type Expectation = "certain" | "likely" | "unknown";

const AKS = /\.oic\.[a-z0-9-]*aks\.azure\.(?:com|cn|us)$/;
const EKS =
  /^(?:oidc\.eks\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?|oidc-eks\.[a-z0-9-]+\.api\.(?:aws|amazonwebservices\.com\.cn))$/;

/** Reads what says where this process runs, without a request. The first hint that says something decides. */
export async function expectMetadataServer(tokenDirectory?: string): Promise<Expectation> {
  const { env } = process;
  if (metadataHostVariables().length > 0) return "certain";
  const detection = env.METADATA_SERVER_DETECTION;
  if (detection) return expectByVariable(detection);
  const token = await readKubernetesToken(tokenDirectory);
  const { protocol, hostname = "" } = URL.canParse(token?.iss ?? "") ? new URL(token?.iss ?? "") : {};
  if (protocol === "https:") {
    if (hostname === "container.googleapis.com") return "certain";
    const cloud = EKS.test(hostname) ? "EKS" : AKS.test(hostname) ? "AKS" : undefined;
    if (cloud) throw notGoogleCloud(`the pod's Kubernetes token is of ${cloud}, ${hostname}`);
  }
  return (env.KUBERNETES_SERVICE_HOST && !token) || (await isLikeGoogle()) ? "likely" : "unknown";
}

/** The values of `METADATA_SERVER_DETECTION` mean what they mean in gcp-metadata. */
async function expectByVariable(detection: string): Promise<Expectation> {
  switch (detection.trim().toLowerCase()) {
    case "assume-present":
      return "certain";
    case "none":
      throw notGoogleCloud("METADATA_SERVER_DETECTION is none");
    case "bios-only":
      if (await isLikeGoogle()) return "certain";
      throw notGoogleCloud("METADATA_SERVER_DETECTION is bios-only, and the BIOS is not Google's");
    case "ping-only":
      return "unknown";
    default:
      throw invalidConfiguration(
        `METADATA_SERVER_DETECTION is ${JSON.stringify(detection)}, but must be assume-present, none, bios-only, ping-only or not set`,
      );
  }
}

const notGoogleCloud = (reason: string, cause?: unknown): Error =>
  createError("NOT_ON_GOOGLE_CLOUD", { reason }, { cause });

/** The variables of Google's serverless platforms, which others set too; else the BIOS and the MAC address. */
const isLikeGoogle = async (): Promise<boolean> =>
  serverlessPlatform(process.env) !== undefined || (await loadGoogleAuth()).gcpMetadata.getGCPResidency();

/** How long a server may take to appear where only a hint speaks for it. */
const LIKELY_MS = 10_000;
/** How long the question may take where nothing speaks for it, and for a minute after a longer wait was in vain. */
const SHORT_MS = 1_000;
const SHORT_FOR_MS = 60_000;
/** One question is cut here, so that a lost connection does not use up the whole wait. */
const TRY_MS = 5_000;
const BACKOFF = { firstMs: 250, maxMs: 2_000 } as const;

/**
 * Returns a check that rejects off Google Cloud. Once a metadata server has answered, it asks no more. Where a hint says that
 * this is Google Cloud and nothing answers, the check rejects with `METADATA_UNAVAILABLE` or `METADATA_TIMEOUT`.
 */
export function createGoogleCloudCheck(): (deadline: Deadline) => Promise<void> {
  let hasAnswered = false;
  let shortUntil = 0;
  return async (deadline) => {
    if (hasAnswered) return;
    const expectation = await expectMetadataServer();
    // The request for the token is the question: it waits for a server that is starting.
    if (expectation === "certain") return;
    // Loading takes longer than the question.
    await loadGoogleAuth();
    const isLikely = expectation === "likely";
    const isLong = isLikely && performance.now() >= shortUntil;
    const limit = startDeadline(Math.min(isLong ? LIKELY_MS : SHORT_MS, deadline.remaining()));
    try {
      await waitForMetadataServer(limit, isLikely ? mayStillStart : () => false);
      hasAnswered = true;
    } catch (error) {
      if (isLong) shortUntil = performance.now() + SHORT_FOR_MS;
      const { text } = describeFailure(error);
      if (error instanceof ForeignAnswerError) throw notGoogleCloud(text, error);
      if (isLikely) throw await toTokenError(error, { ms: 0, tryNextLink: true });
      const reason = `no metadata server answers (${text}), and nothing else says that this is Google Cloud`;
      throw notGoogleCloud(reason, error);
    }
  };
}

/** A server that is not there yet, or the proxy of a mesh in front of it. */
const mayStillStart = (error: unknown): boolean => !(error instanceof ForeignAnswerError) || (error.status ?? 0) >= 500;

/** Waits until the metadata server answers, with whatever status. */
export const waitForMetadataServer = (deadline: Deadline, isRetryable: RetryInit["isRetryable"]) =>
  retry(() => askMetadata("", Math.min(TRY_MS, deadline.remaining())), { deadline, isRetryable, ...BACKOFF });
