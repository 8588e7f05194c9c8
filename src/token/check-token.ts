import { GkeWorkloadIdentityError } from "../errors/gke-workload-identity-error.js";
import { type IdTokenClaims, readIdTokenClaims, type UncheckedClaims } from "../lib/id-token-claims.js";
import { MAX_TOKEN_CHARACTERS } from "../lib/sts-limits.js";

/** A token for STS and what it says of itself. Each claim has the type that it must have; `exp` and `aud` are there. */
export interface WebIdentityToken {
  readonly token: string;
  readonly claims: IdTokenClaims & Required<Pick<IdTokenClaims, "exp" | "aud">>;
}

/** IAM accepts a token up to five minutes after its `exp`, for clock skew (AWS IAM user guide, OIDC federation). */
const EXPIRY_GRACE_MS = 5 * 60_000;
/** The last second that a `Date` can hold (ECMA-262, time values). */
const MAX_SECONDS = 8.64e12;
const TEXT_CLAIMS = ["iss", "azp", "sub", "email"] as const;

/**
 * Refuses a token that STS cannot accept, from whatever source: one that is not a JWT, has a claim of a wrong type, has
 * expired, or is for another audience. The signature is not verified: STS does that.
 *
 * @throws GkeWorkloadIdentityError `INVALID_ID_TOKEN`
 */
export function checkToken(answer: unknown, audience: string): WebIdentityToken {
  const refuse = (reason: string): GkeWorkloadIdentityError =>
    new GkeWorkloadIdentityError("INVALID_ID_TOKEN", { reason, audience });
  const token = typeof answer === "string" ? answer.trim() : "";
  if (token.length > MAX_TOKEN_CHARACTERS) {
    throw refuse(`it has ${token.length} characters; STS accepts at most ${MAX_TOKEN_CHARACTERS}.`);
  }
  const claims = readIdTokenClaims(token);
  if (claims === undefined) throw refuse("it is not a JWT.");
  const wrong = wrongClaim(claims);
  if (wrong !== undefined) throw refuse(wrong);
  const checked = claims as WebIdentityToken["claims"];
  if (checked.exp * 1_000 + EXPIRY_GRACE_MS <= Date.now()) {
    throw refuse(`it expired at ${toIso(checked.exp)}; this machine's clock says ${new Date().toISOString()}.`);
  }
  if (![checked.aud].flat().includes(audience)) {
    throw refuse(`its audience is ${JSON.stringify(checked.aud)}, not ${JSON.stringify(audience)}.`);
  }
  return { token, claims: checked };
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
