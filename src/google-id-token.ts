import { type HttpFailure, withCancellableHttp } from "./cancel-http.js";
import { type Deadline, retry, withTimeout } from "./deadline.js";
import { GkeWorkloadIdentityError, type GkeWorkloadIdentityErrorCode } from "./errors.js";
import { type IdTokenClaims, readIdTokenClaims } from "./id-token-claims.js";
import { describeFailure, isNetworkFailure, isTimeout } from "./network-failure.js";
import type { IdTokenProvider } from "./options.js";
import { redactError, redactText } from "./redact.js";

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
const TRANSIENT_STATUS: ReadonlySet<number> = new Set([408, 425, 429, 499]);
/** IAM accepts a token up to five minutes after its `exp`, for clock skew (AWS IAM user guide, OIDC federation). */
const EXPIRY_GRACE_MS = 5 * 60_000;

/** The metadata server's own provider. The audience is encoded here, because `Compute` puts it into the URL as it is. */
async function createCompute(serviceAccountEmail: string): Promise<IdTokenProvider> {
  const { Compute } = await import("google-auth-library");
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
    const timedOut = (): Error =>
      failure
        ? classifyTokenFailure(failure, serviceAccountEmail)
        : new GkeWorkloadIdentityError("METADATA_TIMEOUT", { reason: `no answer within ${Math.round(ms)} ms.` });
    const onState = (latest: HttpFailure): void => {
      failure = latest;
    };
    try {
      provider ??= await createCompute(serviceAccountEmail);
      const source = provider;
      const token: unknown = await withTimeout(
        ms,
        (signal) => withCancellableHttp(signal, onState, async () => source.fetchIdToken(audience)),
        timedOut,
      );
      return checkIdToken(token, audience);
    } catch (error) {
      throw classifyTokenFailure(error, serviceAccountEmail);
    }
  };

  return (deadline) =>
    retry(() => fetchOnce(deadline), {
      deadline,
      isRetryable: isTransient,
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

/** Status first, then body: what the metadata server, or an injected provider, failed with. */
function classifyTokenFailure(error: unknown, serviceAccountEmail: string): GkeWorkloadIdentityError {
  if (error instanceof GkeWorkloadIdentityError) return error;
  const { status, text } = describeFailure(error);
  const failed = (code: GkeWorkloadIdentityErrorCode, reason = text): GkeWorkloadIdentityError =>
    new GkeWorkloadIdentityError(
      code,
      { reason: redactText(reason), serviceAccountEmail },
      { cause: redactError(error) },
    );
  if (status === 404) return failed("NO_GOOGLE_SERVICE_ACCOUNT");
  if (status === 401 || status === 403) return failed("GOOGLE_PERMISSION_DENIED");
  if (status === 400) return failed("INVALID_CONFIGURATION", `The metadata server refused the request: ${text}`);
  return failed(status === undefined && isTimeout(error) ? "METADATA_TIMEOUT" : "METADATA_UNAVAILABLE");
}

/** A time-out, a lost connection, 408, 429, 499 (too many waiting on the node) and 5xx pass; a refusal stays. */
function isTransient(error: unknown): boolean {
  if (!(error instanceof GkeWorkloadIdentityError)) return false;
  if (error.code === "METADATA_TIMEOUT") return true;
  if (error.code !== "METADATA_UNAVAILABLE") return false;
  const { status } = describeFailure(error.cause);
  return status === undefined ? isNetworkFailure(error.cause) : TRANSIENT_STATUS.has(status) || status >= 500;
}
