import { createError } from "../errors/create-error.js";
import { type Deadline, noAnswerWithin, retry, withTimeout } from "../lib/time.js";
import type { IdTokenProvider } from "../options/options.js";
import { checkToken, type WebIdentityToken } from "./check-token.js";
import { fetchMetadataIdToken, MetadataStatusError } from "./metadata.js";
import { isTransientTokenFailure, toTokenError } from "./token-failure.js";
import { findTokenFile, readTokenFile, type TokenFileInit } from "./token-file.js";
import { findPlatform } from "./workload.js";

export type FetchToken = (deadline: Deadline) => Promise<WebIdentityToken>;

export interface TokenSourceInit extends TokenFileInit {
  readonly audience: string;
  readonly serviceAccountEmail: string;
  readonly idTokenProvider?: IdTokenProvider | undefined;
}

/** A try is cut here, so that one connection lost in a pod's first seconds does not use up the whole time limit. */
const TRY_MS = 10_000;
const BACKOFF = { firstMs: 250, maxMs: 4_000 } as const;

/**
 * Makes the function that gets tokens for one audience: from the token file where there is one, else Google ID tokens. Each
 * token is checked.
 */
export function createTokenSource(init: TokenSourceInit): FetchToken {
  const fetchGoogleIdToken = createGoogleIdTokenSource(init);
  return (deadline) => {
    const file = findTokenFile(init);
    return file === undefined ? fetchGoogleIdToken(deadline) : readTokenFile(file, init.audience, deadline);
  };
}

/**
 * Google ID tokens from the user's `idTokenProvider`, else from the metadata server. It tries again until the deadline
 * where another try may help.
 */
function createGoogleIdTokenSource(init: TokenSourceInit): FetchToken {
  const { audience, serviceAccountEmail, idTokenProvider } = init;

  const fetch = async (signal: AbortSignal): Promise<unknown> =>
    idTokenProvider
      ? idTokenProvider.fetchIdToken(audience)
      : fetchMetadataIdToken({ serviceAccountEmail, audience, signal });

  const fetchOnce = async (deadline: Deadline): Promise<WebIdentityToken> => {
    const ms = Math.min(TRY_MS, deadline.remaining());
    const checked = checkToken(await withTimeout(ms, fetch, () => noAnswerWithin(ms)), audience);
    return idTokenProvider ? checked : { ...checked, platform: await findPlatform() };
  };

  return async (deadline) => {
    try {
      return await retry(() => fetchOnce(deadline), {
        deadline,
        isRetryable: isTransientTokenFailure,
        retryAfterMs: (error) => (error instanceof MetadataStatusError ? error.retryAfterMs : undefined),
        ...BACKOFF,
      });
    } catch (error) {
      throw await toTokenError(error, { ...init, ms: deadline.remaining() });
    }
  };
}

export interface TokensThatMayWork {
  /** Fetches a token. While the source gives the one that was refused, it waits and asks again until the deadline. */
  readonly fetch: FetchToken;
  /** Remembers a token that STS has just refused as expired. */
  readonly refuse: (token: string) => void;
}

/**
 * Never gives out a token again that STS refused as expired: the metadata server may hand out a cached token until its
 * end, or just past it (https://github.com/GoogleCloudPlatform/esp-v2/issues/137).
 *
 * Its `fetch` rejects with `STS_EXPIRED_TOKEN` where no other token comes in time.
 */
export function skipRefusedTokens(fetchToken: FetchToken): TokensThatMayWork {
  let refused: string | undefined;
  const fetch: FetchToken = (deadline) => {
    let same: unknown;
    const fetchOther = async (): Promise<WebIdentityToken> => {
      const found = await fetchToken(deadline);
      if (found.token !== refused) return found;
      const reason = "the source of tokens still gives the token that STS has refused";
      same = createError("STS_EXPIRED_TOKEN", { reason, claims: found.claims });
      throw same;
    };
    return retry(fetchOther, { deadline, isRetryable: (error) => error === same, ...BACKOFF });
  };
  const refuse = (token: string): void => {
    refused = token;
  };
  return { fetch, refuse };
}
