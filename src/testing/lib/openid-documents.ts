import type { Answer } from "./loopback-server.js";
import type { SigningKey } from "./signing-key.js";

const json = (value: object): Answer => ({
  status: 200,
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify(value),
});

/**
 * What an OpenID provider publishes for the verifiers of its tokens: the discovery document and the keys (OpenID Connect
 * Discovery 1.0, section 4). Undefined for any other path.
 */
export function openIdDocument(
  pathname: string,
  { issuer, jwksUri, key }: { readonly issuer: string; readonly jwksUri: string; readonly key: SigningKey },
): Answer | undefined {
  if (pathname === new URL(jwksUri).pathname) return json({ keys: [key.jwk] });
  if (pathname !== "/.well-known/openid-configuration") return undefined;
  return json({
    issuer,
    jwks_uri: jwksUri,
    response_types_supported: ["id_token"],
    subject_types_supported: ["public"],
    id_token_signing_alg_values_supported: ["RS256"],
  });
}
