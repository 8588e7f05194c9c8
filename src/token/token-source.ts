import { createError } from "../errors/create-error.js";
import { type Deadline, retry, withTimeout } from "../lib/time.js";
import type { ResolvedOptions } from "../options/options.js";
import { checkToken, type WebIdentityToken } from "./check-token.js";
import { fetchMetadataIdToken } from "./metadata.js";
import { googlePlatform, isTransientTokenFailure, toTokenError } from "./token-failure.js";
import { findTokenFile, readTokenFile } from "./token-file.js";

type TokenOptions = Partial<ResolvedOptions> & Pick<ResolvedOptions, "audience" | "serviceAccountEmail">;

export type FetchToken = (deadline: Deadline) => Promise<WebIdentityToken>;

/** A try is cut here, so that one connection lost in a pod's first seconds does not use up the whole time limit. */
const TRY_MS = 10_000;
const BACKOFF = { firstMs: 250, maxMs: 4_000 } as const;

/**
 * Makes the function that gets tokens for one audience, each of them checked: from the token file where there is one, else
 * Google ID tokens from the user's `idTokenProvider` or from the metadata server. It tries again until the deadline where
 * another try may help.
 */
export function createTokenSource(options: TokenOptions): FetchToken {
  const { audience, serviceAccountEmail, idTokenProvider } = options;

  const fetch = async (signal: AbortSignal): Promise<unknown> =>
    idTokenProvider
      ? idTokenProvider.fetchIdToken(audience)
      : fetchMetadataIdToken(serviceAccountEmail, audience, signal);

  const fetchOnce = async (deadline: Deadline): Promise<WebIdentityToken> => {
    const ms = Math.min(TRY_MS, deadline.remaining());
    const checked = checkToken(await withTimeout(ms, fetch), audience);
    if (!("token" in checked)) throw createError("INVALID_ID_TOKEN", { reason: checked.reason, audience });
    return idTokenProvider ? checked : { ...checked, platform: googlePlatform() };
  };

  return async (deadline) => {
    const file = findTokenFile(options);
    if (file !== undefined) return readTokenFile(file, audience, deadline);
    try {
      return await retry(() => fetchOnce(deadline), {
        deadline,
        isRetryable: isTransientTokenFailure,
        retryAfterMs: (error) => (idTokenProvider ? undefined : Object(error).retryAfterMs),
        ...BACKOFF,
      });
    } catch (error) {
      throw await toTokenError(error, { ...options, ms: deadline.remaining() });
    }
  };
}

/**
 * Never gives out a token again after `refuse`, for one that STS refused as expired: the metadata server may hand out a
 * cached token until its end, or just past it (https://github.com/GoogleCloudPlatform/esp-v2/issues/137). Then `fetch` asks
 * again until another token comes, and rejects with `STS_EXPIRED_TOKEN` where none comes in time.
 */
export function skipRefusedTokens(fetchToken: FetchToken): { fetch: FetchToken; refuse: (token: string) => void } {
  let refused: string | undefined;
  const fetch: FetchToken = (deadline) => {
    const fetchOther = async (): Promise<WebIdentityToken> => {
      const found = await fetchToken(deadline);
      if (found.token !== refused) return found;
      const reason = "the source of tokens still gives the token that STS has refused";
      throw createError("STS_EXPIRED_TOKEN", { reason, claims: found.claims });
    };
    const isRetryable = (error: unknown): boolean => Object(error).code === "STS_EXPIRED_TOKEN";
    return retry(fetchOther, { deadline, isRetryable, ...BACKOFF });
  };
  const refuse = (token: string): void => {
    refused = token;
  };
  return { fetch, refuse };
}
