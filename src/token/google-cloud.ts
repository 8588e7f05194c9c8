import { createError, invalidConfiguration, serverlessPlatform } from "../errors/create-error.js";
import { GkeWorkloadIdentityError } from "../errors/error.js";
import { describeFailure } from "../lib/failure.js";
import { type Deadline, retry, startDeadline } from "../lib/time.js";
import {
  askMetadata,
  ForeignAnswerError,
  loadGoogleAuth,
  type MetadataAnswer,
  metadataHostVariables,
} from "./metadata.js";
import { toTokenError } from "./token-failure.js";
import { readKubernetesToken } from "./workload.js";

/** What a process can see of the place where it runs, without a call. */
export interface PlaceHints {
  /** `GCE_METADATA_HOST` or `GCE_METADATA_IP` names a metadata server. */
  readonly hasMetadataHost: boolean;
  /** `METADATA_SERVER_DETECTION`. */
  readonly detection?: string | undefined;
  /** In any Kubernetes: `KUBERNETES_SERVICE_HOST` is set. */
  readonly isKubernetes: boolean;
  /** The pod's own Kubernetes token; undefined where it cannot be read. */
  readonly kubernetesToken?: { readonly iss?: string | undefined } | undefined;
  /** The environment of Cloud Run, Cloud Functions or App Engine, or of another Knative or OpenFaaS. */
  readonly isServerless: boolean;
  /** The BIOS or a MAC address is Google's. */
  readonly isGoogleMachine: boolean;
}

/**
 * Whether to expect a metadata server: `certain` (it may still be starting), `likely` (a hint that other platforms give
 * too), `unknown` (only the address can tell), `elsewhere` (not Google Cloud, because of `reason`), or `invalid` (`reason`
 * names the value that is refused).
 */
export type Place =
  | { readonly kind: "certain" | "likely" | "unknown" }
  | { readonly kind: "elsewhere" | "invalid"; readonly reason: string };

/** Of gcp-metadata, with its meaning of each. */
const DETECTIONS = ["assume-present", "none", "bios-only", "ping-only"] as const;
const AKS = /\.oic\.[a-z0-9-]*aks\.azure\.(?:com|cn|us)$/;
const EKS =
  /^(?:oidc\.eks\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?|oidc-eks\.[a-z0-9-]+\.api\.(?:aws|amazonwebservices\.com\.cn))$/;

/**
 * Judges by the hints. The first row that fits decides:
 *
 * | hint | what is expected |
 * | --- | --- |
 * | `GCE_METADATA_HOST`, `GCE_METADATA_IP` | certain |
 * | `METADATA_SERVER_DETECTION=assume-present` | certain |
 * | `…=none` | elsewhere |
 * | `…=bios-only` | certain or elsewhere, as the machine and the serverless variables say |
 * | `…=ping-only` | unknown |
 * | `…` with another value | invalid |
 * | the pod's Kubernetes token is of GKE | certain |
 * | the pod's Kubernetes token is of EKS or AKS | elsewhere |
 * | Cloud Run, Cloud Functions, App Engine, BIOS, MAC address | likely |
 * | Kubernetes without a readable token | likely |
 * | none of these: also a token of any other Kubernetes | unknown |
 */
export function judgePlace(hints: PlaceHints): Place {
  if (hints.hasMetadataHost) return { kind: "certain" };
  const isGoogleLike = hints.isServerless || hints.isGoogleMachine;
  if (hints.detection) return judgeDetection(hints.detection, isGoogleLike);
  const { kubernetesToken: token } = hints;
  const cluster = token && judgeIssuer(token.iss);
  if (cluster) return cluster;
  return { kind: isGoogleLike || (hints.isKubernetes && !token) ? "likely" : "unknown" };
}

function judgeDetection(value: string, isGoogleLike: boolean): Place {
  switch (DETECTIONS.find((known) => known === value.trim().toLowerCase())) {
    case "assume-present":
      return { kind: "certain" };
    case "none":
      return { kind: "elsewhere", reason: "METADATA_SERVER_DETECTION is none" };
    case "bios-only":
      return isGoogleLike
        ? { kind: "certain" }
        : { kind: "elsewhere", reason: "METADATA_SERVER_DETECTION is bios-only, and the BIOS is not Google's" };
    case "ping-only":
      return { kind: "unknown" };
    case undefined: {
      const reason = `METADATA_SERVER_DETECTION is ${JSON.stringify(value)}, but must be ${DETECTIONS.join(", ")} or not set`;
      return { kind: "invalid", reason };
    }
  }
}

function judgeIssuer(issuer: string | undefined): Place | undefined {
  const { protocol, hostname = "" } = URL.canParse(issuer ?? "") ? new URL(issuer ?? "") : {};
  if (protocol !== "https:") return undefined;
  if (hostname === "container.googleapis.com") return { kind: "certain" };
  const cloud = EKS.test(hostname) ? "EKS" : AKS.test(hostname) ? "AKS" : undefined;
  return cloud && { kind: "elsewhere", reason: `the pod's Kubernetes token is of ${cloud}, ${hostname}` };
}

/** How long a server may take to appear where only a hint speaks for it. */
const LIKELY_MS = 10_000;
/** How long the question may take where nothing speaks for it, and for a minute after nothing answered. */
const SHORT_MS = 1_000;
const REMEMBER_SILENCE_MS = 60_000;
/** One question is cut here, so that a lost connection does not use up the whole wait. */
const TRY_MS = 5_000;

/** Ends the acquisition where this is not Google Cloud, so that another provider can be asked. */
export type RequireGoogleCloud = (deadline: Deadline) => Promise<void>;

/**
 * Returns a check that rejects off Google Cloud. Once a metadata server has answered, it asks no more.
 *
 * @throws GkeWorkloadIdentityError `NOT_ON_GOOGLE_CLOUD` where something else answers at the address, or where nothing
 * does within a second. `METADATA_UNAVAILABLE` or `METADATA_TIMEOUT`, with `tryNextLink`, where nothing answers within
 * ten seconds although a hint says that this is Google Cloud. `INVALID_CONFIGURATION` for a wrong
 * `METADATA_SERVER_DETECTION`.
 */
export function createGoogleCloudCheck(): RequireGoogleCloud {
  let hasAnswered = false;
  let silentUntil = Number.NEGATIVE_INFINITY;
  return async (deadline) => {
    if (hasAnswered) return;
    const place = await findPlace();
    switch (place.kind) {
      // The request for the token is the question: it waits for a server that is starting.
      case "certain":
        return;
      case "elsewhere":
        throw createError("NOT_ON_GOOGLE_CLOUD", { reason: place.reason });
      case "invalid":
        throw invalidConfiguration(place.reason);
    }
    // Loading takes longer than the question.
    await loadGoogleAuth();
    const isLikely = place.kind === "likely";
    const ms = isLikely && performance.now() > silentUntil ? LIKELY_MS : SHORT_MS;
    try {
      await waitForMetadataServer(
        startDeadline(Math.min(ms, deadline.remaining())),
        isLikely ? mayStillStart : () => false,
      );
      hasAnswered = true;
    } catch (error) {
      silentUntil = performance.now() + REMEMBER_SILENCE_MS;
      if (error instanceof GkeWorkloadIdentityError) throw error;
      const isForeign = error instanceof ForeignAnswerError;
      if (isLikely && !isForeign) throw await toTokenError(error, { ms: 0, tryNextLink: true });
      const { text } = describeFailure(error);
      const silence = `no metadata server answers (${text}), and nothing else says that this is Google Cloud`;
      throw createError("NOT_ON_GOOGLE_CLOUD", { reason: isForeign ? text : silence }, { cause: error });
    }
  };
}

/** Where a hint says Google Cloud: a server that is not there yet, or the proxy of a mesh in front of it. */
const mayStillStart = (error: unknown): boolean =>
  error instanceof ForeignAnswerError ? (error.status ?? 0) >= 500 : !(error instanceof GkeWorkloadIdentityError);

/** Waits until the metadata server answers, with whatever status. */
export const waitForMetadataServer = (
  deadline: Deadline,
  isRetryable: (error: unknown) => boolean,
): Promise<MetadataAnswer> =>
  retry(() => askMetadata("", Math.min(TRY_MS, deadline.remaining())), {
    deadline,
    isRetryable,
    firstMs: 250,
    maxMs: 2_000,
  });

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
