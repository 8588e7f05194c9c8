import { createHash, createPrivateKey, generateKeyPair, type KeyObject, sign } from "node:crypto";
import { promisify } from "node:util";
import { encodeJwtPart } from "./jwt.js";
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

/** Keys of servers that were closed, by the name in their certificate. Making a key takes longer than all else here. */
const unusedKeys = new Map<string, SigningKey[]>();

/**
 * Takes a key that no other open server of this process has: the key of a closed server, else a new one.
 *
 * @returns The key, and the function that gives it back when the server is closed.
 */
export async function takeSigningKey(
  commonName: string,
): Promise<{ readonly key: SigningKey; readonly giveBack: () => void }> {
  const keys = unusedKeys.get(commonName) ?? [];
  unusedKeys.set(commonName, keys);
  const key = keys.pop() ?? (await createSigningKey(commonName));
  let isTaken = true;
  const giveBack = (): void => {
    if (isTaken) keys.push(key);
    isTaken = false;
  };
  return { key, giveBack };
}

/** Makes a new 2048-bit RSA key. It is kept in memory only. */
async function createSigningKey(commonName: string): Promise<SigningKey> {
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

function signJwt(claims: object, kid: string, key: KeyObject): string {
  const signed = `${encodeJwtPart({ alg: "RS256", kid, typ: "JWT" })}.${encodeJwtPart(claims)}`;
  return `${signed}.${sign("RSA-SHA256", Buffer.from(signed), key).toString("base64url")}`;
}
