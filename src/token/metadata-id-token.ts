import { GkeWorkloadIdentityError } from "../errors/gke-workload-identity-error.js";
import { type Deadline, TimeoutError, withTimeout } from "../lib/deadline.js";
import { type IdTokenClaims, readIdTokenClaims } from "../lib/id-token-claims.js";
import { load } from "../lib/import-package.js";
import { redactText } from "../lib/redact.js";
import { retry } from "../lib/retry.js";
import type { IdTokenProvider } from "../options/options.js";
import { type HttpFailure, withCancellableHttp } from "./cancel-http.js";
import { classifyTokenFailure, isTransientTokenFailure } from "./classify-token-failure.js";

/** A Google ID token and what it says of itself. */
export interface GoogleIdToken {
  readonly token: string;
  readonly claims: IdTokenClaims;
}

export type FetchGoogleIdToken = (deadline: Deadline) => Promise<GoogleIdToken>;

export interface GoogleIdTokenInit {
  readonly audience: string;
  readonly serviceAccountEmail: string;
  readonly idTokenProvider?: IdTokenProvider | undefined;
}

/** A try is cut here, so that one connection lost in a pod's first seconds does not use up the whole time limit. */
const TRY_MS = 10_000;
const FIRST_BACKOFF_MS = 250;
const MAX_BACKOFF_MS = 4_000;
/** IAM accepts a token up to five minutes after its `exp`, for clock skew (AWS IAM user guide, OIDC federation). */
const EXPIRY_GRACE_MS = 5 * 60_000;

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

  const fetchOnce = async (deadline: Deadline): Promise<GoogleIdToken> => {
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
      return checkIdToken(token, audience);
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

/** Refuses a token that STS cannot take. */
function checkIdToken(answer: unknown, audience: string): GoogleIdToken {
  const refuse = (reason: string): Error => new GkeWorkloadIdentityError("INVALID_ID_TOKEN", { reason, audience });
  const token = typeof answer === "string" ? answer.trim() : undefined;
  const claims = readIdTokenClaims(token);
  if (claims === undefined || token === undefined) throw refuse("it is not a JWT.");
  if (typeof claims.exp !== "number") throw refuse("it has no exp claim.");
  if (claims.exp * 1_000 + EXPIRY_GRACE_MS <= Date.now()) {
    throw refuse(
      `it expired at ${new Date(claims.exp * 1_000).toISOString()}; this machine's clock says ${new Date().toISOString()}.`,
    );
  }
  const audiences: readonly unknown[] = Array.isArray(claims.aud) ? claims.aud : [claims.aud];
  if (!audiences.includes(audience)) {
    throw refuse(
      `its audience is ${redactText(JSON.stringify(claims.aud) ?? "missing")}, not ${JSON.stringify(audience)}.`,
    );
  }
  return { token, claims };
}
