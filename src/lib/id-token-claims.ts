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
export type UncheckedClaims = { readonly [Name in keyof IdTokenClaims]: unknown };

/** Reads a JWT's claims; undefined for what is not a JWT (RFC 7519: three base64url parts, the second a JSON object). */
export function readIdTokenClaims(token: unknown): UncheckedClaims | undefined {
  if (typeof token !== "string") return undefined;
  const parts = token.split(".");
  if (parts.length !== 3 || !parts.every((part) => /^[\w-]+$/.test(part))) return undefined;
  try {
    const header: unknown = JSON.parse(Buffer.from(parts[0] ?? "", "base64url").toString("utf8"));
    const claims: unknown = JSON.parse(Buffer.from(parts[1] ?? "", "base64url").toString("utf8"));
    return isObject(header) && isObject(claims) ? claims : undefined;
  } catch {
    return undefined;
  }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
