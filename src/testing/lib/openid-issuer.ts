import { createHash, generateKeyPair, sign } from "node:crypto";
import { promisify } from "node:util";
import { encodeJwt } from "./id-token.js";
import type { Answer } from "./loopback-server.js";
import { selfSignedCertificate } from "./self-signed-certificate.js";

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

type SigningKey = Awaited<ReturnType<typeof createSigningKey>>;

/** Makes a new RS256 key, whose public half is a JWK (RFC 7517) with a self-signed certificate. It is kept in memory only. */
async function createSigningKey() {
  const { privateKey, publicKey } = await promisify(generateKeyPair)("rsa", { modulusLength: 2048 });
  const subjectPublicKeyInfo = publicKey.export({ type: "spki", format: "der" });
  const certificate = selfSignedCertificate(privateKey, subjectPublicKeyInfo);
  const kid = createHash("sha256").update(subjectPublicKeyInfo).digest("hex").slice(0, 40);
  const jwk = publicKey.export({ format: "jwk" });
  return {
    jwk: { ...jwk, alg: "RS256", use: "sig", kid, x5c: [certificate.toString("base64")] },
    thumbprint: createHash("sha1").update(certificate).digest("hex"),
    signJwt: (claims: object): string => {
      const signed = encodeJwt({ alg: "RS256", kid, typ: "JWT" }, claims);
      return `${signed}.${sign("RSA-SHA256", Buffer.from(signed), privateKey).toString("base64url")}`;
    },
  };
}

/** Keys of servers that were closed. Making a key takes longer than all else here. */
const unusedKeys: SigningKey[] = [];

/** Takes a key that no other open server of this process has: the key of a closed server, which gave it back, or a new one. */
export async function takeSigningKey() {
  const key = unusedKeys.pop() ?? (await createSigningKey());
  let isTaken = true;
  const giveBack = (): void => {
    if (isTaken) unusedKeys.push(key);
    isTaken = false;
  };
  return { key, giveBack };
}

/**
 * What an OpenID provider has: tokens, and what it publishes for their verifiers, the discovery document and the keys
 * (OpenID Connect Discovery 1.0, section 4).
 *
 * @param issuerOption - The `iss`, or what to make it from the server's URL.
 */
export function openIdIssuer(
  { jwk, thumbprint, signJwt }: SigningKey,
  issuerOption: string | ((url: string) => string),
  url: string,
  jwksPath: string,
) {
  const issuer = typeof issuerOption === "function" ? issuerOption(url) : issuerOption;
  const jwksUri = `${url}${jwksPath}`;
  const issuedTokens: string[] = [];
  const documents: Readonly<Record<string, object>> = {
    [jwksPath]: { keys: [jwk] },
    "/.well-known/openid-configuration": {
      issuer,
      jwks_uri: jwksUri,
      response_types_supported: ["id_token"],
      subject_types_supported: ["public"],
      id_token_signing_alg_values_supported: ["RS256"],
    },
  };
  return {
    shown: { issuer, jwksUri, thumbprint, issuedTokens } satisfies OpenIdIssuer,
    /** Signs a token with these claims and the issuer's `iss`. */
    mint: (claims: Readonly<Record<string, unknown>>): string => {
      const token = signJwt({ iss: issuer, ...claims });
      issuedTokens.push(token);
      return token;
    },
    /** The document at this path; undefined for any other path. */
    document: (pathname: string): Answer | undefined => {
      const document = documents[pathname];
      const headers = { "Content-Type": "application/json" };
      return document && { status: 200, headers, body: JSON.stringify(document) };
    },
  };
}
