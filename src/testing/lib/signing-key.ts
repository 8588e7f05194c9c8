import { createHash, createPrivateKey, generateKeyPair, type KeyObject, sign } from "node:crypto";
import { promisify } from "node:util";
import { selfSignedCertificate } from "./self-signed-certificate.js";

/** An RS256 key as an OpenID provider keeps it: it signs JWTs and publishes its public half. */
export interface SigningKey {
  readonly kid: string;
  /** The public half as a JWK (RFC 7517), with a self-signed certificate in `x5c`. */
  readonly jwk: Readonly<Record<string, unknown>>;
  /** SHA-1 of the certificate in hex, as IAM's `ThumbprintList` wants it. */
  readonly thumbprint: string;
  readonly signJwt: (claims: object) => string;
}

const generate = promisify(generateKeyPair);

/** Makes a new 2048-bit RSA key. Nothing is stored: a key lives as long as its server. */
export async function createSigningKey(commonName: string): Promise<SigningKey> {
  const { privateKey, publicKey } = await generate("rsa", {
    modulusLength: 2048,
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
    publicKeyEncoding: { type: "spki", format: "der" },
  });
  const key = createPrivateKey(privateKey);
  const certificate = selfSignedCertificate(key, publicKey, commonName);
  const kid = createHash("sha256").update(publicKey).digest("hex").slice(0, 40);
  const { n, e } = key.export({ format: "jwk" });
  return {
    kid,
    jwk: { kty: "RSA", alg: "RS256", use: "sig", kid, n, e, x5c: [certificate.toString("base64")] },
    thumbprint: createHash("sha1").update(certificate).digest("hex"),
    signJwt: (claims) => signJwt(claims, kid, key),
  };
}

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");

function signJwt(claims: object, kid: string, key: KeyObject): string {
  const signed = `${encode({ alg: "RS256", kid, typ: "JWT" })}.${encode(claims)}`;
  return `${signed}.${sign("RSA-SHA256", Buffer.from(signed), key).toString("base64url")}`;
}
