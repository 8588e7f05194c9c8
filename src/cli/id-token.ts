import { startDeadline } from "../lib/time.js";
import { resolveOptions } from "../options/option-rules.js";
import type { WebIdentityToken } from "../token/check-token.js";
import { createGoogleCloudCheck } from "../token/google-cloud.js";
import { createTokenSource } from "../token/token-source.js";

/**
 * Makes the function that fetches this workload's Google ID tokens, within the library's own time limit.
 *
 * @throws GkeWorkloadIdentityError `INVALID_CONFIGURATION` for an audience that is not valid.
 */
export function createIdTokenSource(audience: string | undefined): () => Promise<WebIdentityToken> {
  // Google's token, also where AWS_WEB_IDENTITY_TOKEN_FILE names a file: this may be the very command that writes it.
  const options = resolveOptions({ audience, serviceAccountEmail: "default" });
  const fetchIdToken = createTokenSource(options);
  const requireGoogleCloud = createGoogleCloudCheck();
  return async () => {
    const deadline = startDeadline(options.timeoutMs);
    await requireGoogleCloud(deadline);
    return fetchIdToken(deadline);
  };
}
