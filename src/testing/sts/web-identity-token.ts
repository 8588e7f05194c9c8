import { createPublicKey, type JsonWebKey, verify } from "node:crypto";
import { AwsServiceError } from "./aws-error.js";
import type { TokenIssuer } from "./oidc-providers.js";

/** IAM accepts a token up to five minutes after its `exp` (AWS IAM user guide, OIDC federation). */
const EXPIRY_GRACE_S = 300;
const FETCH_TIMEOUT_MS = 5_000;

type Claims = Readonly<Record<string, unknown>>;

/** A token taken apart. Nothing in it is verified yet. */
export interface ParsedToken {
  readonly header: Claims;
  readonly claims: Claims;
  readonly signed: Buffer;
  readonly signature: Buffer;
}

const invalid = (message: string): AwsServiceError => new AwsServiceError("InvalidIdentityToken", message);

const decode = (part: string): Claims => {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, "base64url").toString("utf8"));
    if (typeof value === "object" && value !== null) return value as Claims;
  } catch {}
  throw invalid("The web identity token provided is not a valid JWT");
};

/** Takes a JWT apart. */
export function parseToken(token: string): ParsedToken {
  const [header = "", claims = "", signature = "", ...rest] = token.split(".");
  if (rest.length > 0 || signature === "") throw invalid("The web identity token provided is not a valid JWT");
  return {
    header: decode(header),
    claims: decode(claims),
    signed: Buffer.from(`${header}.${claims}`),
    signature: Buffer.from(signature, "base64url"),
  };
}

const fetchJson = async (url: string): Promise<Claims> => {
  const response = await fetch(url, { signal: AbortSignal.timeout(FETCH_TIMEOUT_MS) });
  return (await response.json()) as Claims;
};

async function fetchKeys(url: string | undefined): Promise<readonly JsonWebKey[]> {
  try {
    const document = await fetchJson(url ?? "");
    const { keys } = typeof document.jwks_uri === "string" ? await fetchJson(document.jwks_uri) : document;
    if (Array.isArray(keys)) return keys as readonly JsonWebKey[];
  } catch {}
  throw invalid(
    "Couldn't retrieve verification key from your identity provider, please reference AssumeRoleWithWebIdentity documentation for requirements",
  );
}

/** The token's audiences; `azp` counts in place of `aud` where there is one, as in IAM. */
export const audiencesOf = ({ azp, aud }: Claims): readonly string[] =>
  [azp ?? aud].flat().filter((value) => typeof value === "string");

/**
 * Verifies a token as STS does: signature by the issuer's published keys, expiry, and the client ids of the provider.
 *
 * @throws AwsServiceError `InvalidIdentityToken` or `ExpiredTokenException`
 */
export async function verifyWebIdentityToken(
  { header, claims, signed, signature }: ParsedToken,
  { jwksUri, clientIds }: TokenIssuer,
  now: number,
): Promise<void> {
  const jwk = (await fetchKeys(jwksUri)).find((key) => (key as { kid?: unknown }).kid === header.kid);
  if (header.alg !== "RS256" || !jwk) throw invalid("The ID Token provided is not signed with a known key");
  if (!verify("RSA-SHA256", signed, createPublicKey({ key: jwk, format: "jwk" }), signature))
    throw invalid("The ID Token provided could not be validated: signature verification failed");
  const seconds = Math.floor(now / 1000);
  const { exp } = claims;
  if (typeof exp !== "number") throw invalid("Missing a required claim: exp");
  if (seconds >= exp + EXPIRY_GRACE_S) {
    throw new AwsServiceError(
      "ExpiredTokenException",
      `Token expired: current date/time ${seconds} must be before the expiration date/time${exp}`,
    );
  }
  if (clientIds && !audiencesOf(claims).some((audience) => clientIds.includes(audience)))
    throw invalid("Incorrect token audience");
}
