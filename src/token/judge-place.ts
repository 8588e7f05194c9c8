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
  /** The environment of Cloud Run or Cloud Functions, or of another Knative or OpenFaaS. */
  readonly isServerless: boolean;
  /** The BIOS or a MAC address is Google's. */
  readonly isGoogleMachine: boolean;
}

/**
 * Whether to expect a metadata server.
 *
 * - `given`: the configuration says that it is there.
 * - `gke`: GKE for certain; the server may still be starting.
 * - `likely`: a hint that other places give too.
 * - `unknown`: only the address can tell.
 * - `elsewhere`: not Google Cloud, because of `reason`.
 * - `invalid`: `reason` names the value that is refused.
 */
export type Place =
  | { readonly kind: "given" | "gke" | "likely" | "unknown" }
  | { readonly kind: "elsewhere" | "invalid"; readonly reason: string };

/** Of gcp-metadata, with its meaning of each. */
const DETECTIONS = ["assume-present", "none", "bios-only", "ping-only"] as const;

const AKS = /\.oic\.[a-z0-9-]*aks\.azure\.(?:com|cn|us)$/;
const EKS =
  /^(?:oidc\.eks\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?|oidc-eks\.[a-z0-9-]+\.api\.(?:aws|amazonwebservices\.com\.cn))$/;

/**
 * Judges the place by its hints. The first row that fits decides:
 *
 * | hint | place |
 * | --- | --- |
 * | `GCE_METADATA_HOST`, `GCE_METADATA_IP` | given |
 * | `METADATA_SERVER_DETECTION=assume-present` | given |
 * | `…=none` | elsewhere |
 * | `…=bios-only` | given or elsewhere, as the machine and the serverless variables say |
 * | `…=ping-only` | unknown |
 * | `…` with another value | invalid |
 * | the pod's Kubernetes token is of GKE | gke |
 * | the pod's Kubernetes token is of EKS or AKS | elsewhere |
 * | Cloud Run, Cloud Functions, BIOS, MAC address | likely |
 * | Kubernetes without a readable token | likely |
 * | none of these: also a token of any other Kubernetes | unknown |
 */
export function judgePlace(hints: PlaceHints): Place {
  if (hints.hasMetadataHost) return { kind: "given" };
  const isGoogleLike = hints.isServerless || hints.isGoogleMachine;
  if (hints.detection) return judgeDetection(hints.detection, isGoogleLike);
  const { kubernetesToken: token } = hints;
  const cluster = token && judgeIssuer(token.iss);
  if (cluster) return cluster;
  return { kind: isGoogleLike || (hints.isKubernetes && !token) ? "likely" : "unknown" };
}

function judgeDetection(value: string, isGoogleLike: boolean): Place {
  const detection = DETECTIONS.find((known) => known === value.trim().toLowerCase());
  switch (detection) {
    case "assume-present":
      return { kind: "given" };
    case "none":
      return { kind: "elsewhere", reason: "METADATA_SERVER_DETECTION is none." };
    case "bios-only":
      return isGoogleLike
        ? { kind: "given" }
        : { kind: "elsewhere", reason: "METADATA_SERVER_DETECTION is bios-only, and the BIOS is not Google's." };
    case "ping-only":
      return { kind: "unknown" };
    case undefined:
      return {
        kind: "invalid",
        reason: `METADATA_SERVER_DETECTION is ${JSON.stringify(value)}, but must be ${DETECTIONS.join(", ")} or not set.`,
      };
  }
}

function judgeIssuer(issuer: string | undefined): Place | undefined {
  const host = hostOf(issuer);
  if (host === "container.googleapis.com") return { kind: "gke" };
  const cloud = EKS.test(host) ? "EKS" : AKS.test(host) ? "AKS" : undefined;
  return cloud && { kind: "elsewhere", reason: `the pod's Kubernetes token is of ${cloud}: ${host}.` };
}

function hostOf(issuer: string | undefined): string {
  try {
    const { protocol, hostname } = new URL(issuer ?? "");
    return protocol === "https:" ? hostname : "";
  } catch {
    return "";
  }
}
