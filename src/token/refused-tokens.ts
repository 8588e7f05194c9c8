import { createError } from "../errors/create-error.js";
import { retry } from "../lib/retry.js";
import type { WebIdentityToken } from "./check-token.js";
import type { FetchToken } from "./token-source.js";

export interface TokensThatMayWork {
  /** Fetches a token. While the source gives the one that was refused, it waits and asks again until the deadline. */
  readonly fetch: FetchToken;
  /** Remembers a token that STS has just refused as expired. */
  readonly refuse: (token: string) => void;
}

const FIRST_BACKOFF_MS = 250;
const MAX_BACKOFF_MS = 4_000;

/**
 * Never gives out a token again that STS refused as expired: the metadata server may hand out a cached token until its
 * end, or just past it (https://github.com/GoogleCloudPlatform/esp-v2/issues/137).
 *
 * Its `fetch` rejects with `STS_EXPIRED_TOKEN` where no other token comes in time.
 */
export function skipRefusedTokens(fetchToken: FetchToken): TokensThatMayWork {
  let refused: string | undefined;
  const fetch = (deadline: Parameters<FetchToken>[0]): Promise<WebIdentityToken> => {
    let same: unknown;
    const fetchOther = async (): Promise<WebIdentityToken> => {
      const found = await fetchToken(deadline);
      if (found.token !== refused) return found;
      same = createError("STS_EXPIRED_TOKEN", {
        reason: "the source of tokens still gives the token that STS has refused.",
        claims: found.claims,
      });
      throw same;
    };
    return retry(fetchOther, {
      deadline,
      isRetryable: (error) => error === same,
      firstBackoffMs: FIRST_BACKOFF_MS,
      maxBackoffMs: MAX_BACKOFF_MS,
    });
  };
  const refuse = (token: string): void => {
    refused = token;
  };
  return { fetch, refuse };
}
