import { GkeWorkloadIdentityError } from "../index.js";
import { startDeadline } from "../lib/deadline.js";
import { isNetworkFailure, isTimeout } from "../lib/foreign-failure.js";
import { retry } from "../lib/retry.js";
import { classifyTokenFailure } from "../token/classify-token-failure.js";
import { requireGoogleCloud } from "../token/detect-google-cloud.js";
import { askMetadata, type MetadataAnswer, metadataAddress } from "../token/metadata-server.js";
import type { Setup } from "./check-configuration.js";
import { ok, type Success } from "./step.js";

export interface MetadataServer {
  /** By how much this machine's clock is ahead of the server's; undefined where nothing says so. */
  readonly clockAheadMs: number | undefined;
}

/**
 * Whether Google's metadata server answers, and what its clock says.
 *
 * @throws GkeWorkloadIdentityError `NOT_ON_GOOGLE_CLOUD`, `METADATA_UNAVAILABLE` or `METADATA_TIMEOUT`
 */
export async function checkMetadataServer({ options }: Setup): Promise<Success<MetadataServer>> {
  if (options.idTokenProvider) return ok("not asked: an idTokenProvider is given", { clockAheadMs: undefined });
  await requireGoogleCloud();
  const deadline = startDeadline(options.timeoutMs);
  const address = metadataAddress();
  const ask = (): Promise<MetadataAnswer> => askMetadata("/computeMetadata/v1/", deadline.remaining());
  try {
    const { isGoogle, status, clockAheadMs } = await retry(ask, {
      deadline,
      // Connections are refused in a pod's first seconds.
      isRetryable: (error) => isNetworkFailure(error) && !isTimeout(error),
      firstBackoffMs: 250,
      maxBackoffMs: 2_000,
    });
    if (isGoogle) return ok(address, { clockAheadMs });
    const reason = `something else answers at ${address}, with HTTP status ${status} and without the header Metadata-Flavor: Google.`;
    const detours = ["GCE_METADATA_HOST", "GCE_METADATA_IP"].filter((name) => process.env[name]);
    throw new GkeWorkloadIdentityError("METADATA_UNAVAILABLE", { reason, detours });
  } catch (error) {
    throw await classifyTokenFailure(error, { ...options, ms: deadline.remaining() });
  }
}
