import {
  type ErrorDetails,
  GkeWorkloadIdentityError,
  type GkeWorkloadIdentityErrorCode,
} from "../errors/gke-workload-identity-error.js";
import { describeFailure, isNetworkFailure, isTimeout } from "../lib/foreign-failure.js";
import { redactError, redactText } from "../lib/redact.js";
import type { IdTokenProvider } from "../options/options.js";
import { describeWorkload } from "./describe-workload.js";

export interface TokenFailureContext {
  readonly serviceAccountEmail: string;
  /** An injected provider: then the metadata server had no part in it. */
  readonly idTokenProvider?: IdTokenProvider | undefined;
  /** How long finding out more may take. */
  readonly ms: number;
}

/** Finding out real names for the commands of a hint is not worth more. */
const DESCRIBE_MS = 1_000;
const TRANSIENT_STATUS: ReadonlySet<number> = new Set([408, 425, 429, 499]);
/** Variables that lead gaxios, and so `Compute`, elsewhere than to the metadata server. */
const DETOURS = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "GCE_METADATA_HOST", "GCE_METADATA_IP"];
/** GKE's own text names the pod's Kubernetes service account: `(NAMESPACE/NAME)`. */
const NAMED = /\(([a-z0-9.-]+)\/([a-z0-9.-]+)\)/;

/** Status first, then body, then what the metadata server says of the workload: why there is no ID token. */
export async function classifyTokenFailure(
  error: unknown,
  { idTokenProvider, serviceAccountEmail, ms }: TokenFailureContext,
): Promise<GkeWorkloadIdentityError> {
  if (error instanceof GkeWorkloadIdentityError) return error;
  const { status, text } = describeFailure(error);
  const failed = (code: GkeWorkloadIdentityErrorCode, details: ErrorDetails = {}): GkeWorkloadIdentityError => {
    const all = { serviceAccountEmail, ...details, reason: redactText(details.reason ?? text) };
    return new GkeWorkloadIdentityError(code, all, { cause: redactError(error) });
  };
  const detours = idTokenProvider ? [] : DETOURS.filter((name) => process.env[name]);
  if (status !== undefined && !idTokenProvider && !isFromMetadataServer(error)) {
    const reason = `something else answered in its place, with HTTP status ${status}: ${text}`;
    return failed("METADATA_UNAVAILABLE", { detours, reason });
  }
  if (status === 400) {
    return failed("INVALID_CONFIGURATION", { reason: `The metadata server refused the request: ${text}` });
  }
  if (status === 401 || status === 403 || status === 404) {
    const names = idTokenProvider ? {} : await namesOf(text, Math.min(DESCRIBE_MS, ms));
    const asked = serviceAccountEmail === "default" ? {} : { serviceAccountEmail };
    return failed(status === 404 ? "NO_GOOGLE_SERVICE_ACCOUNT" : "GOOGLE_PERMISSION_DENIED", { ...names, ...asked });
  }
  return failed(status === undefined && isTimeout(error) ? "METADATA_TIMEOUT" : "METADATA_UNAVAILABLE", { detours });
}

/** The real server names itself in its errors too; a proxy that stands between does not. */
function isFromMetadataServer(error: unknown): boolean {
  const { response } = Object(error) as { readonly response?: { readonly headers?: Partial<Headers> } };
  const { headers } = response ?? {};
  return headers?.get === undefined || headers.get("metadata-flavor") === "Google";
}

async function namesOf(text: string, ms: number): Promise<ErrorDetails> {
  const { namespace, kubernetesServiceAccount, ...workload } = await describeWorkload(ms);
  const [, namedNamespace, named] = NAMED.exec(text) ?? [];
  return {
    ...workload,
    namespace: namespace ?? namedNamespace,
    kubernetesServiceAccount: kubernetesServiceAccount ?? named,
  };
}

/** A time-out, a lost connection, 408, 429, 499 (too many waiting on the node) and 5xx pass; a refusal stays. */
export function isTransientTokenFailure(error: unknown): boolean {
  if (!(error instanceof GkeWorkloadIdentityError)) return false;
  if (error.code === "METADATA_TIMEOUT") return true;
  if (error.code !== "METADATA_UNAVAILABLE") return false;
  const { status } = describeFailure(error.cause);
  return status === undefined ? isNetworkFailure(error.cause) : TRANSIENT_STATUS.has(status) || status >= 500;
}
