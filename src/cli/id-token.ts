import { startDeadline } from "../deadline.js";
import { requireGoogleCloud } from "../google-cloud.js";
import { createGoogleIdTokenSource, type GoogleIdToken } from "../google-id-token.js";
import { resolveOptions } from "../options.js";

/** One Google ID token of this workload, within the library's own time limit. */
export async function fetchIdToken(audience: string | undefined): Promise<GoogleIdToken> {
  const options = resolveOptions({ audience });
  await requireGoogleCloud();
  return createGoogleIdTokenSource(options)(startDeadline(options.timeoutMs));
}
