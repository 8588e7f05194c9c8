import type { IdentityClaims, Platform } from "../errors/error.js";
import { MAX_TOKEN_CHARACTERS } from "../lib/sts-limits.js";

/** The claims of a web identity token that this package looks at. */
export interface IdTokenClaims extends IdentityClaims {
  /** Seconds since 1970. */
  readonly exp?: number;
}

/** Claims as they stand in a token: whoever made the token chose the types. */
type UncheckedClaims = { readonly [Name in keyof IdTokenClaims]: unknown };

/** A token for STS and its claims, each of the right type. */
export interface WebIdentityToken {
  readonly token: string;
  readonly claims: IdTokenClaims & { readonly exp: number; readonly aud: string | readonly string[] };
  /** Where the process runs, where the token is from Google's metadata server. */
  readonly platform?: Platform | undefined;
}

/** Why STS cannot accept a token, in a clause about "it"; and what the token says, where that could be read. */
type TokenProblem = { readonly reason: string; readonly isExpired?: boolean; readonly claims?: IdTokenClaims };

/** IAM accepts a token up to five minutes after its `exp`, for clock skew (AWS IAM user guide, OIDC federation). */
const EXPIRY_GRACE_MS = 5 * 60_000;

/** Reads a JWT's claims; undefined for what is not a JWT (RFC 7519: three base64url parts, the second a JSON object). */
export function readClaims(token: string): UncheckedClaims | undefined {
  const parts = /^([\w-]+)\.([\w-]+)\.[\w-]+$/.exec(token)?.slice(1) ?? [];
  try {
    const [header, claims] = parts.map((part): unknown => JSON.parse(Buffer.from(part, "base64url").toString("utf8")));
    return isObject(header) && isObject(claims) ? claims : undefined;
  } catch {
    return undefined;
  }
}

const isObject = (value: unknown): value is object => Object(value) === value && !Array.isArray(value);
const isString = (value: unknown): value is string => typeof value === "string";

/**
 * Checks a token from whatever source: it must be a JWT with claims of the right types, must not have expired, and must be
 * for this audience. The signature is not verified: STS does that.
 */
export function checkToken(answer: unknown, audience: string): WebIdentityToken | TokenProblem {
  const token = isString(answer) ? answer.trim() : "";
  if (token.length > MAX_TOKEN_CHARACTERS)
    return { reason: `it has ${token.length} characters; STS accepts at most ${MAX_TOKEN_CHARACTERS}` };
  const unchecked = readClaims(token);
  const wrong = unchecked ? wrongClaim(unchecked) : "it is not a JWT";
  if (wrong !== undefined) return { reason: wrong };
  const claims = unchecked as WebIdentityToken["claims"];
  if (claims.exp * 1_000 + EXPIRY_GRACE_MS <= Date.now()) {
    const end = new Date(claims.exp * 1_000).toISOString();
    const reason = `it expired at ${end}; this machine's clock says ${new Date().toISOString()}`;
    return { reason, isExpired: true, claims };
  }
  if ([claims.aud].flat().includes(audience)) return { token, claims };
  return { reason: `its audience is ${JSON.stringify(claims.aud)}, not ${JSON.stringify(audience)}`, claims };
}

/** Says which claim is missing or has a wrong type; undefined where none has. */
function wrongClaim(claims: UncheckedClaims): string | undefined {
  const { exp, aud } = claims;
  if (exp === undefined) return "it has no exp claim";
  // A `Date` holds no more seconds (ECMA-262, time values).
  if (typeof exp !== "number" || !(Math.abs(exp) < 8.64e12)) return "its exp claim is not a time in seconds";
  if (aud === undefined) return "it has no aud claim";
  if (!isString(aud) && !(Array.isArray(aud) && aud.every(isString)))
    return "its aud claim is neither a string nor an array of strings";
  const name = (["iss", "azp", "sub", "email"] as const).find(
    (key) => claims[key] !== undefined && !isString(claims[key]),
  );
  return name && `its ${name} claim is not a string`;
}
