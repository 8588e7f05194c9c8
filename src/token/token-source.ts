import { type Deadline, TimeoutError, withTimeout } from "../lib/deadline.js";
import { retry } from "../lib/retry.js";
import type { IdTokenProvider } from "../options/options.js";
import { checkToken, type WebIdentityToken } from "./check-token.js";
import { classifyTokenFailure, isTransientTokenFailure } from "./classify-token-failure.js";
import { findPlatform } from "./find-platform.js";
import { MetadataStatusError } from "./metadata-failures.js";
import { fetchMetadataIdToken } from "./metadata-id-token.js";
import { findTokenFile, readTokenFile, type TokenFileInit } from "./token-file.js";

export type FetchToken = (deadline: Deadline) => Promise<WebIdentityToken>;

export interface TokenSourceInit extends TokenFileInit {
  readonly audience: string;
  readonly serviceAccountEmail: string;
  readonly idTokenProvider?: IdTokenProvider | undefined;
}

/** A try is cut here, so that one connection lost in a pod's first seconds does not use up the whole time limit. */
const TRY_MS = 10_000;
const FIRST_BACKOFF_MS = 250;
const MAX_BACKOFF_MS = 4_000;

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
    const timedOut = (): Error => new TimeoutError(`no answer within ${Math.round(ms)} ms.`);
    const checked = checkToken(await withTimeout(ms, fetch, timedOut), audience);
    return idTokenProvider ? checked : { ...checked, platform: await findPlatform() };
  };

  return async (deadline) => {
    try {
      return await retry(() => fetchOnce(deadline), {
        deadline,
        isRetryable: isTransientTokenFailure,
        retryAfterMs: (error) => (error instanceof MetadataStatusError ? error.retryAfterMs : undefined),
        firstBackoffMs: FIRST_BACKOFF_MS,
        maxBackoffMs: MAX_BACKOFF_MS,
      });
    } catch (error) {
      throw await classifyTokenFailure(error, { ...init, ms: deadline.remaining() });
    }
  };
}
