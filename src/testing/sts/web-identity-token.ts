import { createPublicKey, type JsonWebKey, verify } from "node:crypto";
import { AwsServiceError } from "./aws-answers.js";
import type { AwsOidcProvider, AwsStsOptions } from "./aws-sts-options.js";

/** IAM accepts a token up to five minutes after its `exp` (AWS IAM user guide, OIDC federation). */
const EXPIRY_GRACE_S = 300;
const FETCH_TIMEOUT_MS = 5_000;

type Claims = Readonly<Record<string, unknown>>;

/** Built into AWS, without an IAM OIDC provider. */
const GOOGLE = "accounts.google.com";

const invalid = (message: string): AwsServiceError => new AwsServiceError("InvalidIdentityToken", message);

const decode = (part: string): Claims => {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, "base64url").toString("utf8"));
    if (typeof value === "object" && value !== null) return value as Claims;
  } catch {}
  throw invalid("The web identity token provided is not a valid JWT");
};

const fetchJson = async (url: string): Promise<Claims> => {
  const response = await fetch(url, { signal: AbortSignal.timeout(FETCH_TIMEOUT_MS) });
  return (await response.json()) as Claims;
};

async function fetchKeys(url: string | undefined): Promise<readonly (JsonWebKey & { kid?: unknown })[]> {
  try {
    const document = await fetchJson(url ?? "");
    const { keys } = typeof document.jwks_uri === "string" ? await fetchJson(document.jwks_uri) : document;
    if (Array.isArray(keys)) return keys as never[];
  } catch {}
  throw invalid(
    "Couldn't retrieve verification key from your identity provider, please reference AssumeRoleWithWebIdentity documentation for requirements",
  );
}

/** The issuer of a token, as the account of the role knows it. */
function findIssuer(
  iss: string,
  roleArn: string,
  { oidcProviders = [], jwksUri }: AwsStsOptions,
): Pick<AwsOidcProvider, "arn" | "jwksUri"> & Partial<AwsOidcProvider> {
  if (iss === GOOGLE || iss === `https://${GOOGLE}`) return { arn: GOOGLE, jwksUri };
  const [, partition, , , account] = roleArn.split(":");
  const arn = `arn:${partition}:iam::${account}:oidc-provider/${iss.replace(/^https?:\/\//, "")}`;
  const provider = oidcProviders.find((known) => known.arn === arn);
  if (!provider) throw invalid(`No OpenIDConnect provider found in your account for ${iss}`);
  return { ...provider, jwksUri: provider.jwksUri ?? `${iss.replace(/\/$/, "")}/.well-known/openid-configuration` };
}

/**
 * Verifies a token as STS does: its issuer is known, signature by the issuer's published keys, expiry, and the client ids
 * of the provider.
 *
 * @returns The claims, the audiences, and the issuer's `Federated` principal.
 * @throws AwsServiceError `InvalidIdentityToken` or `ExpiredTokenException`
 */
export async function verifyWebIdentityToken(token: string, roleArn: string, options: AwsStsOptions) {
  const [header = "", payload = "", signature = "", ...rest] = token.split(".");
  if (rest.length > 0 || signature === "") throw invalid("The web identity token provided is not a valid JWT");
  const { alg, kid } = decode(header);
  const claims = decode(payload);
  const { arn: provider, jwksUri, clientIds } = findIssuer(String(claims.iss), roleArn, options);
  const jwk = (await fetchKeys(jwksUri)).find((key) => key.kid === kid);
  if (alg !== "RS256" || !jwk) throw invalid("The ID Token provided is not signed with a known key");
  const signed = Buffer.from(`${header}.${payload}`);
  if (!verify("RSA-SHA256", signed, createPublicKey({ key: jwk, format: "jwk" }), Buffer.from(signature, "base64url")))
    throw invalid("The ID Token provided could not be validated: signature verification failed");
  const seconds = Math.floor(Date.now() / 1000);
  const { exp, azp, aud } = claims;
  if (typeof exp !== "number") throw invalid("Missing a required claim: exp");
  if (seconds >= exp + EXPIRY_GRACE_S) {
    throw new AwsServiceError(
      "ExpiredTokenException",
      `Token expired: current date/time ${seconds} must be before the expiration date/time${exp}`,
    );
  }
  // `azp` counts in place of `aud` where there is one. Google's audiences are judged by the trust policy alone.
  const audiences = [azp ?? aud].flat().filter((value) => typeof value === "string");
  if (clientIds && !audiences.some((audience) => clientIds.includes(audience)))
    throw invalid("Incorrect token audience");
  return { claims, audiences, provider };
}
