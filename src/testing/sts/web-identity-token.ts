import { createPublicKey, type JsonWebKey, verify } from "node:crypto";
import { AwsServiceError } from "./aws-error.js";

/** The one issuer that this STS knows, as AWS does without any IAM OIDC provider. */
const GOOGLE_ISSUERS: readonly unknown[] = ["https://accounts.google.com", "accounts.google.com"];
export const GOOGLE_PROVIDER = "accounts.google.com";
/** IAM accepts a token up to five minutes after its `exp` (AWS IAM user guide, OIDC federation). */
const EXPIRY_GRACE_S = 300;
const JWKS_TIMEOUT_MS = 5_000;

type Claims = Readonly<Record<string, unknown>>;

const invalid = (message: string): AwsServiceError => new AwsServiceError("InvalidIdentityToken", message);

function decode(part: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, "base64url").toString("utf8"));
    if (typeof value === "object" && value !== null) return value as Record<string, unknown>;
  } catch {}
  throw invalid("The web identity token provided is not a valid JWT");
}

async function fetchKeys(jwksUri: string): Promise<readonly JsonWebKey[]> {
  try {
    const response = await fetch(jwksUri, { signal: AbortSignal.timeout(JWKS_TIMEOUT_MS) });
    const { keys } = (await response.json()) as { keys: JsonWebKey[] };
    return keys;
  } catch {
    throw invalid(
      "Couldn't retrieve verification key from your identity provider, please reference AssumeRoleWithWebIdentity documentation for requirements",
    );
  }
}

/** Verifies a Google ID token as STS does: signature by the issuer's published keys, issuer, expiry. */
export async function verifyWebIdentityToken(token: string, jwksUri: string, now: number): Promise<Claims> {
  const [encodedHeader = "", encodedClaims = "", signature = "", ...rest] = token.split(".");
  if (rest.length > 0 || signature === "") throw invalid("The web identity token provided is not a valid JWT");
  const header = decode(encodedHeader);
  const claims = decode(encodedClaims);
  if (!GOOGLE_ISSUERS.includes(claims.iss)) {
    throw invalid(`No OpenIDConnect provider found in your account for ${String(claims.iss)}`);
  }
  const jwk = (await fetchKeys(jwksUri)).find((key) => (key as { kid?: unknown }).kid === header.kid);
  if (header.alg !== "RS256" || !jwk) throw invalid("The ID Token provided is not signed with a known key");
  const key = createPublicKey({ key: jwk, format: "jwk" });
  const signed = Buffer.from(`${encodedHeader}.${encodedClaims}`);
  if (!verify("RSA-SHA256", signed, key, Buffer.from(signature, "base64url"))) {
    throw invalid("The ID Token provided could not be validated: signature verification failed");
  }
  const seconds = Math.floor(now / 1000);
  const { exp } = claims;
  if (typeof exp !== "number") throw invalid("Missing a required claim: exp");
  if (seconds >= exp + EXPIRY_GRACE_S) {
    throw new AwsServiceError(
      "ExpiredTokenException",
      `Token expired: current date/time ${seconds} must be before the expiration date/time${exp}`,
    );
  }
  return claims;
}
