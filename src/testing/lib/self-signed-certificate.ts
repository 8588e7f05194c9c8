import { type KeyObject, randomBytes, sign } from "node:crypto";

const SEQUENCE = 0x30;
const DAY_MS = 86_400_000;

/** DER of `sha256WithRSAEncryption` with NULL parameters (RFC 4055) and of the attribute type `commonName` (RFC 5280). */
const SHA256_WITH_RSA = Buffer.from("300d06092a864886f70d01010b0500", "hex");
const COMMON_NAME = Buffer.from("0603550403", "hex");
/** `[0] EXPLICIT INTEGER 2`. */
const VERSION_3 = Buffer.from("a003020102", "hex");

function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  if (content.length < 0x80) return Buffer.concat([Buffer.from([tag, content.length]), content]);
  const hex = content.length.toString(16);
  const length = Buffer.from(hex.length % 2 ? `0${hex}` : hex, "hex");
  return Buffer.concat([Buffer.from([tag, 0x80 | length.length]), length, content]);
}

const integer = (content: Buffer): Buffer => der(0x02, content);
const bitString = (content: Buffer): Buffer => der(0x03, Buffer.from([0]), content);
const utf8String = (text: string): Buffer => der(0x0c, Buffer.from(text));
/** `YYMMDDHHMMSSZ` (RFC 5280 section 4.1.2.5.1). */
const utcTime = (date: Date): Buffer =>
  der(0x17, Buffer.from(`${date.toISOString().replace(/[-:T]/g, "").slice(2, 14)}Z`));

/**
 * A self-signed X.509 certificate (RFC 5280) in DER, valid for a year: some STS implementations read an issuer's keys
 * from the certificates in `x5c` only. Node makes no certificates by itself.
 */
export function selfSignedCertificate(privateKey: KeyObject, subjectPublicKeyInfo: Buffer): Buffer {
  const name = der(SEQUENCE, der(0x31, der(SEQUENCE, COMMON_NAME, utf8String("gke-aws-credentials testing"))));
  const serialNumber = integer(Buffer.concat([Buffer.from([1]), randomBytes(8)]));
  const now = Date.now();
  const validity = der(SEQUENCE, utcTime(new Date(now - DAY_MS)), utcTime(new Date(now + 365 * DAY_MS)));
  const parts = [VERSION_3, serialNumber, SHA256_WITH_RSA, name, validity, name, subjectPublicKeyInfo];
  const toBeSigned = der(SEQUENCE, ...parts);
  return der(SEQUENCE, toBeSigned, SHA256_WITH_RSA, bitString(sign("sha256", toBeSigned, privateKey)));
}
