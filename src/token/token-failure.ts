import { createError } from "../errors/create-error.js";
import { type ErrorDetails, GkeWorkloadIdentityError, type GkeWorkloadIdentityErrorCode } from "../errors/error.js";
import { describeFailure, isLoadFailure, isTimeout, isTransient } from "../lib/failure.js";
import type { IdTokenProvider } from "../options/options.js";
import { ForeignAnswerError, metadataHostVariables, readMetadata } from "./metadata.js";
import { describeWorkload, findPlatform } from "./workload.js";

export interface TokenFailureContext {
  readonly serviceAccountEmail?: string | undefined;
  /** An injected provider: then the metadata server had no part in it. */
  readonly idTokenProvider?: IdTokenProvider | undefined;
  /** How long finding out more may take. */
  readonly ms: number;
  /** Whether a credential chain may go on. Default: as the error's code says. */
  readonly tryNextLink?: boolean | undefined;
}

/** Finding out real names for the commands of a hint is not worth more. */
const DESCRIBE_MS = 1_000;
const TRANSIENT_STATUS: ReadonlySet<number> = new Set([408, 425, 429, 499]);
/** GKE's own text names the pod's Kubernetes service account: `(NAMESPACE/NAME)`. */
const NAMED = /\(([a-z0-9.-]+)\/([a-z0-9.-]+)\)/;

/** Status first, then body, then what the metadata server says of the workload: why there is no ID token. */
export async function toTokenError(
  error: unknown,
  { idTokenProvider, serviceAccountEmail, ms, tryNextLink }: TokenFailureContext,
): Promise<GkeWorkloadIdentityError> {
  if (error instanceof GkeWorkloadIdentityError) return error;
  const { status, text } = describeFailure(error);
  const platform = idTokenProvider ? undefined : await findPlatform();
  const tokenSource = idTokenProvider && "The idTokenProvider";
  const failed = (code: GkeWorkloadIdentityErrorCode, details: ErrorDetails = {}): GkeWorkloadIdentityError =>
    createError(
      code,
      { serviceAccountEmail, tryNextLink, platform, tokenSource, reason: text, ...details },
      { cause: error },
    );

  // google-auth-library loads its HTTP client with the first request.
  if (isLoadFailure(error)) {
    const who = idTokenProvider ? "the idTokenProvider" : "google-auth-library";
    const reason = `A module that ${who} needs could not be loaded: ${text}`;
    return failed("INVALID_CONFIGURATION", { reason, packageName: "google-auth-library" });
  }
  const metadataVariables = idTokenProvider ? [] : metadataHostVariables();
  if (error instanceof ForeignAnswerError) return failed("METADATA_UNAVAILABLE", { metadataVariables });
  if (status === 400)
    return failed("INVALID_CONFIGURATION", {
      reason: `${tokenSource ?? "The metadata server"} refused the request: ${text}`,
    });
  if (status === 401 || status === 403 || status === 404) {
    const names = idTokenProvider ? {} : await namesOf(text, Math.min(DESCRIBE_MS, ms));
    const asked = serviceAccountEmail === "default" ? {} : { serviceAccountEmail };
    return failed(status === 404 ? "NO_GOOGLE_SERVICE_ACCOUNT" : "GOOGLE_PERMISSION_DENIED", { ...names, ...asked });
  }
  const isSilent = status === undefined && isTimeout(error);
  return failed(isSilent ? "METADATA_TIMEOUT" : "METADATA_UNAVAILABLE", { metadataVariables });
}

async function namesOf(text: string, ms: number): Promise<ErrorDetails> {
  const [{ namespace, kubernetesServiceAccount, ...workload }, cluster] = await Promise.all([
    describeWorkload(ms),
    readMetadata("instance/attributes/cluster-name", ms),
  ]);
  const [, namedNamespace, named] = NAMED.exec(text) ?? [];
  // Only GKE names a cluster, or a Kubernetes service account.
  const isKubernetes = cluster !== undefined || named !== undefined;
  return {
    ...workload,
    ...(isKubernetes && { platform: "kubernetes" }),
    namespace: namespace ?? namedNamespace,
    kubernetesServiceAccount: kubernetesServiceAccount ?? named,
  };
}

/**
 * Whether another try may help: after a time-out, a lost connection, 408, 425, 429, 499 (too many waiting on the node)
 * and 5xx. A refusal stays one. Another server's answer passes, such as that of a mesh's proxy, unless a variable names that
 * server: then only its 5xx do.
 */
export function isTransientTokenFailure(error: unknown): boolean {
  if (error instanceof GkeWorkloadIdentityError) return false;
  if (error instanceof ForeignAnswerError) return metadataHostVariables().length === 0 || (error.status ?? 0) >= 500;
  const { status } = describeFailure(error);
  return status === undefined ? isTransient(error) : TRANSIENT_STATUS.has(status) || status >= 500;
}
