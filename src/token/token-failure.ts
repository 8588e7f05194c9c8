import { createError, platformOf } from "../errors/create-error.js";
import type { ErrorDetails, GkeWorkloadIdentityErrorCode, Platform } from "../errors/error.js";
import { GkeWorkloadIdentityError } from "../errors/error.js";
import { describeFailure, isLoadFailure, isTimeout, isTransient } from "../lib/failure.js";
import type { FromGkeWorkloadIdentityInit } from "../options/options.js";
import { ForeignAnswerError, metadataHostVariables, readMetadata } from "./metadata.js";
import { describeWorkload } from "./workload.js";

/** `ms`: how long finding out more may take. With an `idTokenProvider` the metadata server had no part in it. */
type Context = Pick<ErrorDetails, "serviceAccountEmail" | "tryNextLink"> &
  Pick<FromGkeWorkloadIdentityInit, "idTokenProvider"> & { readonly ms: number };

/** 499: too many requests of one node wait. */
const TRANSIENT_STATUS: readonly number[] = [408, 425, 429, 499];
/** GKE's own text names the pod's Kubernetes service account: `(NAMESPACE/NAME)`. */
const NAMED = /\(([a-z0-9.-]+)\/([a-z0-9.-]+)\)/;

/** Where a process runs that Google's metadata server serves. All but a virtual machine set variables. */
export const googlePlatform = (): Platform => platformOf({}, process.env) ?? "compute-engine";

/** Why there is no ID token: status first, then body, then what the metadata server says of the workload. */
export async function toTokenError(error: unknown, context: Context): Promise<GkeWorkloadIdentityError> {
  if (error instanceof GkeWorkloadIdentityError) return error;
  const { idTokenProvider, serviceAccountEmail, ms, tryNextLink } = context;
  const { status, text: reason } = describeFailure(error);
  const source = idTokenProvider
    ? { tokenSource: "The idTokenProvider" }
    : { platform: googlePlatform(), metadataVariables: metadataHostVariables() };
  const failed = (code: GkeWorkloadIdentityErrorCode, more: ErrorDetails = {}): GkeWorkloadIdentityError =>
    createError(code, { serviceAccountEmail, tryNextLink, reason, ...source, ...more }, { cause: error });

  // google-auth-library loads its HTTP client with the first request.
  if (isLoadFailure(error)) {
    const why = `A module could not be loaded: ${reason}`;
    return failed("INVALID_CONFIGURATION", {
      reason: why,
      ...(!idTokenProvider && { packageName: "google-auth-library" }),
    });
  }
  if (error instanceof ForeignAnswerError) return failed("METADATA_UNAVAILABLE");
  if (status === 400) {
    const who = source.tokenSource ?? "The metadata server";
    return failed("INVALID_CONFIGURATION", { reason: `${who} refused the request: ${reason}` });
  }
  if (status === 401 || status === 403 || status === 404) {
    // Finding out real names for the commands of a hint is not worth more than a second.
    const names = idTokenProvider ? {} : await namesOf(reason, Math.min(1_000, ms));
    const asked = serviceAccountEmail === "default" ? {} : { serviceAccountEmail };
    return failed(status === 404 ? "NO_GOOGLE_SERVICE_ACCOUNT" : "GOOGLE_PERMISSION_DENIED", { ...names, ...asked });
  }
  return failed(status === undefined && isTimeout(error) ? "METADATA_TIMEOUT" : "METADATA_UNAVAILABLE");
}

async function namesOf(text: string, ms: number): Promise<ErrorDetails> {
  const asking = readMetadata("instance/attributes/cluster-name", ms);
  const [workload, cluster] = [await describeWorkload(ms), await asking];
  const [, named, namedAccount] = NAMED.exec(text) ?? [];
  const { namespace = named, kubernetesServiceAccount = namedAccount } = workload;
  // Only GKE names a cluster, or a Kubernetes service account.
  const isKubernetes = cluster !== undefined || namespace !== undefined;
  return { ...workload, namespace, kubernetesServiceAccount, ...(isKubernetes && { platform: "kubernetes" }) };
}

/**
 * Whether another try may help. A refusal stays one. An answer of another server, such as a mesh's proxy, may be followed by
 * a right one. Where a variable names the server, only after a 5xx.
 */
export function isTransientTokenFailure(error: unknown): boolean {
  if (error instanceof GkeWorkloadIdentityError) return false;
  if (error instanceof ForeignAnswerError) {
    const isAssumed = process.env.METADATA_SERVER_DETECTION === "assume-present";
    return metadataHostVariables().length === 0 || isAssumed || (error.status ?? 0) >= 500;
  }
  const { status } = describeFailure(error);
  return status === undefined ? isTransient(error) : TRANSIENT_STATUS.includes(status) || status >= 500;
}
