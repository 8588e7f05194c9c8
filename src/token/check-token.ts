import { createError } from "../errors/create-error.js";
import type { Platform } from "../errors/error.js";
import { MAX_TOKEN_CHARACTERS } from "../lib/sts-limits.js";

/** The claims of a web identity token that this package looks at. The signature is not verified here: STS does that. */
export interface IdTokenClaims {
  readonly iss?: string;
  readonly azp?: string;
  readonly aud?: string | readonly string[];
  readonly sub?: string;
  readonly email?: string;
  /** Seconds since 1970. */
  readonly exp?: number;
}

/** Claims as they stand in a token: whoever made the token chose the types. */
type UncheckedClaims = { readonly [Name in keyof IdTokenClaims]: unknown };

/** A token for STS and what it says of itself. Each claim has the type that it must have; `exp` and `aud` are there. */
export interface WebIdentityToken {
  readonly token: string;
  readonly claims: IdTokenClaims & Required<Pick<IdTokenClaims, "exp" | "aud">>;
  /** Where the process runs, where the token is from Google's metadata server. */
  readonly platform?: Platform | undefined;
}

/** Why STS cannot accept a token. */
export interface TokenProblem {
  readonly kind: "malformed" | "expired" | "audience";
  /** A clause about the token, which it calls "it". */
  readonly reason: string;
  /** What the token says, where that could be read. */
  readonly claims?: IdTokenClaims;
}

/** IAM accepts a token up to five minutes after its `exp`, for clock skew (AWS IAM user guide, OIDC federation). */
const EXPIRY_GRACE_MS = 5 * 60_000;
/** The last second that a `Date` can hold (ECMA-262, time values). */
const MAX_SECONDS = 8.64e12;
const STRING_CLAIMS = ["iss", "azp", "sub", "email"] as const;

/** Reads a JWT's claims; undefined for what is not a JWT (RFC 7519: three base64url parts, the second a JSON object). */
export function readClaims(token: string): UncheckedClaims | undefined {
  const parts = token.split(".");
  if (parts.length !== 3 || !parts.every((part) => /^[\w-]+$/.test(part))) return undefined;
  try {
    const [header, claims] = parts
      .slice(0, 2)
      .map((part): unknown => JSON.parse(Buffer.from(part, "base64url").toString("utf8")));
    return isObject(header) && isObject(claims) ? claims : undefined;
  } catch {
    return undefined;
  }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/**
 * Judges a token from whatever source: it must be a JWT with claims of the right types, must not have expired, and must be
 * for this audience. The signature is not verified: STS does that.
 */
export function judgeToken(answer: unknown, audience: string): WebIdentityToken | TokenProblem {
  const token = typeof answer === "string" ? answer.trim() : "";
  if (token.length > MAX_TOKEN_CHARACTERS) {
    const reason = `it has ${token.length} characters; STS accepts at most ${MAX_TOKEN_CHARACTERS}`;
    return { kind: "malformed", reason };
  }
  const unchecked = readClaims(token);
  if (unchecked === undefined) return { kind: "malformed", reason: "it is not a JWT" };
  const wrong = wrongClaim(unchecked);
  if (wrong !== undefined) return { kind: "malformed", reason: wrong };
  const claims = unchecked as WebIdentityToken["claims"];
  if (claims.exp * 1_000 + EXPIRY_GRACE_MS <= Date.now()) {
    const end = new Date(claims.exp * 1_000).toISOString();
    const reason = `it expired at ${end}; this machine's clock says ${new Date().toISOString()}`;
    return { kind: "expired", reason, claims };
  }
  if (![claims.aud].flat().includes(audience)) {
    const reason = `its audience is ${JSON.stringify(claims.aud)}, not ${JSON.stringify(audience)}`;
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

const isString = (value: unknown): value is string => typeof value === "string";

/** Says which claim has a wrong type; undefined where none has. */
function wrongClaim(claims: UncheckedClaims): string | undefined {
  const { exp, aud } = claims;
  if (exp === undefined) return "it has no exp claim";
  if (typeof exp !== "number" || !(Math.abs(exp) < MAX_SECONDS)) return "its exp claim is not a time in seconds";
  if (aud === undefined) return "it has no aud claim";
  if (!isString(aud) && !(Array.isArray(aud) && aud.every(isString)))
    return "its aud claim is neither a string nor an array of strings";
  const name = STRING_CLAIMS.find((key) => claims[key] !== undefined && !isString(claims[key]));
  return name && `its ${name} claim is not a string`;
}
