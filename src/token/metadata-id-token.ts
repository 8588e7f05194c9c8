import { MetadataStatusError } from "./metadata-failures.js";
import { requestMetadata } from "./metadata-request.js";

export interface MetadataIdTokenRequest {
  /** `default`, or the email of an account that the workload has. */
  readonly serviceAccountEmail: string;
  readonly audience: string;
  readonly signal: AbortSignal;
}

/**
 * Asks the metadata server once for an ID token. In place of google-auth-library's `Compute`, which sends the request
 * through a proxy, follows redirects, and knows neither a signal nor a limit.
 */
export async function fetchMetadataIdToken(request: MetadataIdTokenRequest): Promise<string> {
  const { serviceAccountEmail, audience, signal } = request;
  const account = encodeURIComponent(serviceAccountEmail).replaceAll("%40", "@");
  const path = `instance/service-accounts/${account}/identity`;
  const { status, text, headers } = await requestMetadata({ path, params: { audience, format: "full" }, signal });
  if (status !== 200) throw new MetadataStatusError(status, text, retryAfterMs(headers.get("retry-after")));
  return text;
}

/** `Retry-After`: seconds, or an HTTP date (RFC 9110, 10.2.3). */
export function retryAfterMs(header: string | null): number | undefined {
  if (header === null) return undefined;
  const ms = /^\d+$/.test(header.trim()) ? Number(header) * 1_000 : new Date(header).getTime() - Date.now();
  return ms >= 0 ? ms : undefined;
}
