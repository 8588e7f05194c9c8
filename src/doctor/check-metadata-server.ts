import { startDeadline } from "../lib/time.js";
import { createGoogleCloudCheck, waitForMetadataServer } from "../token/google-cloud.js";
import { toTokenError as classifyTokenFailure, isTransientTokenFailure } from "../token/token-failure.js";
import { findTokenFile } from "../token/token-file.js";
import { clockAhead } from "./check-clock.js";
import type { Setup } from "./check-configuration.js";
import { ok, type Success, skip } from "./step.js";

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
  if (options.idTokenProvider) return skip("not asked: an idTokenProvider is given", { clockAheadMs: undefined });
  const tokenFile = findTokenFile(options);
  if (tokenFile !== undefined) {
    return skip(`not asked: the token comes from the file ${tokenFile}`, { clockAheadMs: undefined });
  }
  const deadline = startDeadline(options.timeoutMs);
  await createGoogleCloudCheck()(deadline);
  try {
    const { address, headers } = await waitForMetadataServer(deadline, isTransientTokenFailure);
    return ok(address, { clockAheadMs: clockAhead(headers.get("date")) });
  } catch (error) {
    throw await classifyTokenFailure(error, { ...options, ms: deadline.remaining() });
  }
}
