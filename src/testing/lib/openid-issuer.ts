import type { Answer } from "./loopback-server.js";
import type { SigningKey } from "./signing-key.js";

/** A server that issues tokens, as its callers see it. */
export interface OpenIdIssuer {
  /** The `iss` of its tokens. */
  readonly issuer: string;
  /** Where its public keys are. */
  readonly jwksUri: string;
  /** SHA-1 of the signing certificate, for IAM's `ThumbprintList`. */
  readonly thumbprint: string;
  /** Every token signed so far. Look for these in logs, which must hold none. */
  readonly issuedTokens: readonly string[];
}

const json = (value: object): Answer => ({
  status: 200,
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify(value),
});

/**
 * What an OpenID provider has: tokens, and what it publishes for their verifiers, the discovery document and the keys
 * (OpenID Connect Discovery 1.0, section 4).
 *
 * @param issuerOption - The `iss`, or what to make it from the server's URL.
 */
export function openIdIssuer(
  key: SigningKey,
  issuerOption: string | ((url: string) => string),
  url: string,
  jwksPath: string,
) {
  const issuer = typeof issuerOption === "function" ? issuerOption(url) : issuerOption;
  const jwksUri = `${url}${jwksPath}`;
  const issuedTokens: string[] = [];
  const shown: OpenIdIssuer = { issuer, jwksUri, thumbprint: key.thumbprint, issuedTokens };
  return {
    shown,
    /** Signs a token with these claims and the issuer's `iss`. */
    mint: (claims: Readonly<Record<string, unknown>>): string => {
      const token = key.signJwt({ iss: issuer, ...claims });
      issuedTokens.push(token);
      return token;
    },
    /** The document at this path; undefined for any other path. */
    document: (pathname: string): Answer | undefined => {
      if (pathname === jwksPath) return json({ keys: [key.jwk] });
      if (pathname !== "/.well-known/openid-configuration") return undefined;
      return json({
        issuer,
        jwks_uri: jwksUri,
        response_types_supported: ["id_token"],
        subject_types_supported: ["public"],
        id_token_signing_alg_values_supported: ["RS256"],
      });
    },
  };
}
