import { createError } from "../errors/create-error.js";
import type { Platform } from "../errors/error-codes.js";
import { type IdTokenClaims, readIdTokenClaims, type UncheckedClaims } from "../lib/id-token-claims.js";
import { MAX_TOKEN_CHARACTERS } from "../lib/sts-limits.js";

/** A token for STS and what it says of itself. Each claim has the type that it must have; `exp` and `aud` are there. */
export interface WebIdentityToken {
  readonly token: string;
  readonly claims: IdTokenClaims & Required<Pick<IdTokenClaims, "exp" | "aud">>;
  /** Where the process runs, where the token is from Google's metadata server. */
  readonly platform?: Platform | undefined;
}

/** IAM accepts a token up to five minutes after its `exp`, for clock skew (AWS IAM user guide, OIDC federation). */
const EXPIRY_GRACE_MS = 5 * 60_000;
/** The last second that a `Date` can hold (ECMA-262, time values). */
const MAX_SECONDS = 8.64e12;
const TEXT_CLAIMS = ["iss", "azp", "sub", "email"] as const;

/** Why STS cannot accept a token. */
export interface TokenProblem {
  readonly kind: "malformed" | "expired" | "audience";
  /** A sentence about the token, which it calls "it". */
  readonly reason: string;
  /** What the token says, where that could be read. */
  readonly claims?: IdTokenClaims;
}

/**
 * Judges a token from whatever source: it must be a JWT with claims of the right types, must not have expired, and must be
 * for this audience. The signature is not verified: STS does that.
 */
export function judgeToken(answer: unknown, audience: string): WebIdentityToken | TokenProblem {
  const token = typeof answer === "string" ? answer.trim() : "";
  if (token.length > MAX_TOKEN_CHARACTERS) {
    const reason = `it has ${token.length} characters; STS accepts at most ${MAX_TOKEN_CHARACTERS}.`;
    return { kind: "malformed", reason };
  }
  const unchecked = readIdTokenClaims(token);
  if (unchecked === undefined) return { kind: "malformed", reason: "it is not a JWT." };
  const wrong = wrongClaim(unchecked);
  if (wrong !== undefined) return { kind: "malformed", reason: wrong };
  const claims = unchecked as WebIdentityToken["claims"];
  if (claims.exp * 1_000 + EXPIRY_GRACE_MS <= Date.now()) {
    const reason = `it expired at ${toIso(claims.exp)}; this machine's clock says ${new Date().toISOString()}.`;
    return { kind: "expired", reason, claims };
  }
  if (![claims.aud].flat().includes(audience)) {
    const reason = `its audience is ${JSON.stringify(claims.aud)}, not ${JSON.stringify(audience)}.`;
    return { kind: "audience", reason, claims };
  }
  return { token, claims };
}

/**
 * Refuses a Google ID token that STS cannot accept.
 *
 * @throws GkeWorkloadIdentityError `INVALID_ID_TOKEN`
 */
export function checkToken(answer: unknown, audience: string): WebIdentityToken {
  const judged = judgeToken(answer, audience);
  if ("token" in judged) return judged;
  throw createError("INVALID_ID_TOKEN", { reason: judged.reason, audience });
}

const toIso = (seconds: number): string => new Date(seconds * 1_000).toISOString();

const isText = (value: unknown): value is string => typeof value === "string";

/** Says which claim has a wrong type; undefined where none has. */
function wrongClaim(claims: UncheckedClaims): string | undefined {
  const { exp, aud } = claims;
  if (exp === undefined) return "it has no exp claim.";
  if (typeof exp !== "number" || !(Math.abs(exp) < MAX_SECONDS)) return "its exp claim is not a time in seconds.";
  if (aud === undefined) return "it has no aud claim.";
  if (!isText(aud) && !(Array.isArray(aud) && aud.every(isText)))
    return "its aud claim is not text or a list of texts.";
  const name = TEXT_CLAIMS.find((text) => claims[text] !== undefined && !isText(claims[text]));
  return name && `its ${name} claim is not text.`;
}
