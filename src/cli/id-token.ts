import { startDeadline } from "../lib/deadline.js";
import { resolveOptions } from "../options/resolve-options.js";
import type { WebIdentityToken } from "../token/check-token.js";
import { requireGoogleCloud } from "../token/detect-google-cloud.js";
import { createGoogleIdTokenSource } from "../token/metadata-id-token.js";

/**
 * Makes the function that fetches this workload's Google ID tokens, within the library's own time limit.
 *
 * @throws GkeWorkloadIdentityError `INVALID_CONFIGURATION` for an audience that is not valid.
 */
export function createIdTokenSource(audience: string | undefined): () => Promise<WebIdentityToken> {
  const options = resolveOptions({ audience });
  const fetchIdToken = createGoogleIdTokenSource(options);
  return async () => {
    await requireGoogleCloud();
    return fetchIdToken(startDeadline(options.timeoutMs));
  };
}
