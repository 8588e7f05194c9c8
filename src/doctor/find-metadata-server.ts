import { GkeWorkloadIdentityError } from "../index.js";
import type { Deadline } from "../lib/deadline.js";
import { isNetworkFailure, isTimeout } from "../lib/foreign-failure.js";
import { retry } from "../lib/retry.js";
import type { ResolvedOptions } from "../options/resolve-options.js";
import { classifyTokenFailure } from "../token/classify-token-failure.js";
import { requireGoogleCloud } from "../token/detect-google-cloud.js";
import { askMetadata, type MetadataAnswer, metadataAddress } from "../token/metadata-server.js";

/**
 * Where the metadata server is, and what its clock says.
 *
 * @throws GkeWorkloadIdentityError `NOT_ON_GOOGLE_CLOUD`, `METADATA_UNAVAILABLE` or `METADATA_TIMEOUT`
 */
export async function findMetadataServer(
  options: ResolvedOptions,
  deadline: Deadline,
): Promise<{ readonly address: string; readonly clockAheadMs: number | undefined }> {
  await requireGoogleCloud();
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
    if (isGoogle) return { address, clockAheadMs };
    const reason = `something else answers at ${address}, with HTTP status ${status} and without the header Metadata-Flavor: Google.`;
    const detours = ["GCE_METADATA_HOST", "GCE_METADATA_IP"].filter((name) => process.env[name]);
    throw new GkeWorkloadIdentityError("METADATA_UNAVAILABLE", { reason, detours });
  } catch (error) {
    throw await classifyTokenFailure(error, { ...options, ms: deadline.remaining() });
  }
}
