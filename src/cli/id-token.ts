import { startDeadline } from "../deadline.js";
import { requireGoogleCloud } from "../google-cloud.js";
import { createGoogleIdTokenSource, type GoogleIdToken } from "../google-id-token.js";
import { resolveOptions } from "../options.js";

/**
 * Makes the function that fetches this workload's Google ID tokens, within the library's own time limit.
 *
 * @throws GkeWorkloadIdentityError `INVALID_CONFIGURATION` for an audience that is not valid.
 */
export function createIdTokenSource(audience: string | undefined): () => Promise<GoogleIdToken> {
  const options = resolveOptions({ audience });
  const fetchIdToken = createGoogleIdTokenSource(options);
  return async () => {
    await requireGoogleCloud();
    return fetchIdToken(startDeadline(options.timeoutMs));
  };
}
