import { createError } from "../errors/create-error.js";
import { GkeWorkloadIdentityError } from "../errors/gke-workload-identity-error.js";
import { invalidConfiguration } from "../errors/invalid-configuration.js";
import { serverlessPlatform } from "../errors/safe-details.js";
import { type Deadline, startDeadline } from "../lib/deadline.js";
import { describeFailure } from "../lib/foreign-failure.js";
import { retry } from "../lib/retry.js";
import { classifyTokenFailure } from "./classify-token-failure.js";
import { judgePlace, type Place } from "./judge-place.js";
import { readKubernetesToken } from "./kubernetes-token.js";
import { metadataHostVariables } from "./metadata-address.js";
import { ForeignAnswerError } from "./metadata-failures.js";
import { loadGoogleAuth, type MetadataAnswer } from "./metadata-request.js";
import { askMetadata } from "./metadata-server.js";

/** How long a server may take to appear where only a hint speaks for it. */
const LIKELY_MS = 10_000;
/** How long the one question may take where nothing speaks for it. */
const UNKNOWN_MS = 1_000;
/** One question is cut here, so that a lost connection does not use up the whole wait. */
const TRY_MS = 5_000;

/** Ends the acquisition where this is not Google Cloud, so that a credential chain can go on. */
export type RequireGoogleCloud = (deadline: Deadline) => Promise<void>;

/**
 * Makes the function that requires Google Cloud. Once a metadata server has answered, it asks no more.
 *
 * @throws GkeWorkloadIdentityError `NOT_ON_GOOGLE_CLOUD` where something else answers at the address, or where nothing
 * does within a second. `METADATA_UNAVAILABLE` or `METADATA_TIMEOUT`, with `tryNextLink`, where nothing answers within
 * ten seconds although a hint says that this is Google Cloud. `INVALID_CONFIGURATION` for a wrong
 * `METADATA_SERVER_DETECTION`.
 */
export function createGoogleCloudCheck(): RequireGoogleCloud {
  let hasAnswered = false;
  return async (deadline) => {
    if (hasAnswered) return;
    const place = await findPlace();
    switch (place.kind) {
      // The request for the token is the question: it waits for a server that is starting.
      case "given":
      case "gke":
        return;
      case "elsewhere":
        throw createError("NOT_ON_GOOGLE_CLOUD", { reason: place.reason });
      case "invalid":
        throw invalidConfiguration({ reason: place.reason });
      case "likely":
        await expectServer(deadline);
        break;
      case "unknown":
        await lookForServer(deadline);
    }
    hasAnswered = true;
  };
}

/** The hints of this process. The machine is looked at last: that needs google-auth-library. */
async function findPlace(env: NodeJS.ProcessEnv = process.env): Promise<Place> {
  const hints = {
    hasMetadataHost: metadataHostVariables(env).length > 0,
    detection: env.METADATA_SERVER_DETECTION,
    isKubernetes: Boolean(env.KUBERNETES_SERVICE_HOST),
    kubernetesToken: await readKubernetesToken(),
    isServerless: serverlessPlatform(env) !== undefined,
    isGoogleMachine: false,
  };
  const place = judgePlace(hints);
  if (judgePlace({ ...hints, isGoogleMachine: true }).kind === place.kind) return place;
  const { gcpMetadata } = await loadGoogleAuth();
  return judgePlace({ ...hints, isGoogleMachine: gcpMetadata.getGCPResidency() });
}

/** Waits until the metadata server answers, with whatever status. */
export const waitForMetadataServer = (deadline: Deadline): Promise<MetadataAnswer> =>
  retry(() => askMetadata("", Math.min(TRY_MS, deadline.remaining())), {
    deadline,
    isRetryable: (error) => !(error instanceof ForeignAnswerError || error instanceof GkeWorkloadIdentityError),
    firstBackoffMs: 250,
    maxBackoffMs: 2_000,
  });

async function expectServer(deadline: Deadline): Promise<void> {
  await loadGoogleAuth();
  try {
    await waitForMetadataServer(startDeadline(Math.min(LIKELY_MS, deadline.remaining())));
  } catch (error) {
    throw await classifyTokenFailure(error, { ms: 0, tryNextLink: true });
  }
}

async function lookForServer(deadline: Deadline): Promise<void> {
  // Loading takes longer than the question.
  await loadGoogleAuth();
  try {
    await askMetadata("", Math.min(UNKNOWN_MS, deadline.remaining()));
  } catch (error) {
    if (error instanceof ForeignAnswerError) throw await classifyTokenFailure(error, { ms: 0 });
    const { text } = describeFailure(error);
    const reason = `no metadata server answers (${text}), and nothing else says that this is Google Cloud.`;
    throw createError("NOT_ON_GOOGLE_CLOUD", { reason }, { cause: error });
  }
}
