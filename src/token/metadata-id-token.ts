import { type Deadline, TimeoutError, withTimeout } from "../lib/deadline.js";
import { load } from "../lib/import-package.js";
import { retry } from "../lib/retry.js";
import type { IdTokenProvider } from "../options/options.js";
import { type HttpFailure, withCancellableHttp } from "./cancel-http.js";
import { checkToken, type WebIdentityToken } from "./check-token.js";
import { classifyTokenFailure, isTransientTokenFailure } from "./classify-token-failure.js";

export type FetchGoogleIdToken = (deadline: Deadline) => Promise<WebIdentityToken>;

export interface GoogleIdTokenInit {
  readonly audience: string;
  readonly serviceAccountEmail: string;
  readonly idTokenProvider?: IdTokenProvider | undefined;
}

/** A try is cut here, so that one connection lost in a pod's first seconds does not use up the whole time limit. */
const TRY_MS = 10_000;
const FIRST_BACKOFF_MS = 250;
const MAX_BACKOFF_MS = 4_000;

/** The metadata server's own provider. The audience is encoded here, because `Compute` puts it into the URL as it is. */
async function createCompute(serviceAccountEmail: string): Promise<IdTokenProvider> {
  const { Compute } = await load(import("google-auth-library"));
  const compute = new Compute({ serviceAccountEmail });
  return { fetchIdToken: (audience) => compute.fetchIdToken(encodeURIComponent(audience)) };
}

/** Room 1: makes the function that fetches Google ID tokens for one audience. */
export function createGoogleIdTokenSource(init: GoogleIdTokenInit): FetchGoogleIdToken {
  const { audience, serviceAccountEmail } = init;
  let provider = init.idTokenProvider;

  const fetchOnce = async (deadline: Deadline): Promise<WebIdentityToken> => {
    const ms = Math.min(TRY_MS, deadline.remaining());
    let failure: HttpFailure;
    const timedOut = (): unknown => failure ?? new TimeoutError(`no answer within ${Math.round(ms)} ms.`);
    const onState = (latest: HttpFailure): void => {
      failure = latest;
    };
    try {
      const fetch = async (): Promise<unknown> => {
        provider ??= await createCompute(serviceAccountEmail);
        return provider.fetchIdToken(audience);
      };
      const token = await withTimeout(ms, (signal) => withCancellableHttp(signal, onState, fetch), timedOut);
      return checkToken(token, audience);
    } catch (error) {
      throw await classifyTokenFailure(error, { ...init, ms: deadline.remaining() });
    }
  };

  return (deadline) =>
    retry(() => fetchOnce(deadline), {
      deadline,
      isRetryable: isTransientTokenFailure,
      firstBackoffMs: FIRST_BACKOFF_MS,
      maxBackoffMs: MAX_BACKOFF_MS,
    });
}
