import { type KeyObject, randomBytes, sign } from "node:crypto";

const SEQUENCE = 0x30;
const SET = 0x31;
const INTEGER = 0x02;
const BIT_STRING = 0x03;
const UTC_TIME = 0x17;
const UTF8_STRING = 0x0c;
const EXPLICIT_0 = 0xa0;

/** DER of `sha256WithRSAEncryption` with NULL parameters (RFC 4055) and of the attribute type `commonName` (RFC 5280). */
const SHA256_WITH_RSA = Buffer.from("300d06092a864886f70d01010b0500", "hex");
const COMMON_NAME = Buffer.from("0603550403", "hex");
const VERSION_3 = Buffer.from("020102", "hex");

function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  if (content.length < 0x80) return Buffer.concat([Buffer.from([tag, content.length]), content]);
  const hex = content.length.toString(16);
  const length = Buffer.from(hex.length % 2 ? `0${hex}` : hex, "hex");
  return Buffer.concat([Buffer.from([tag, 0x80 | length.length]), length, content]);
}

const bitString = (content: Buffer): Buffer => der(BIT_STRING, Buffer.from([0]), content);

/** `YYMMDDHHMMSSZ` (RFC 5280 section 4.1.2.5.1). */
const utcTime = (date: Date): Buffer =>
  der(UTC_TIME, Buffer.from(`${date.toISOString().replace(/[-:T]/g, "").slice(2, 14)}Z`));

/**
 * A self-signed X.509 certificate (RFC 5280) in DER, valid for a year: some STS implementations read an issuer's keys
 * from the certificates in `x5c` only. Node makes no certificates by itself.
 */
export function selfSignedCertificate(privateKey: KeyObject, subjectPublicKeyInfo: Buffer, commonName: string): Buffer {
  const name = der(SEQUENCE, der(SET, der(SEQUENCE, COMMON_NAME, der(UTF8_STRING, Buffer.from(commonName)))));
  const serialNumber = der(INTEGER, Buffer.concat([Buffer.from([1]), randomBytes(8)]));
  const now = Date.now();
  const validity = der(SEQUENCE, utcTime(new Date(now - 86_400_000)), utcTime(new Date(now + 365 * 86_400_000)));
  const toBeSigned = der(
    SEQUENCE,
    der(EXPLICIT_0, VERSION_3),
    serialNumber,
    SHA256_WITH_RSA,
    name,
    validity,
    name,
    subjectPublicKeyInfo,
  );
  return der(SEQUENCE, toBeSigned, SHA256_WITH_RSA, bitString(sign("sha256", toBeSigned, privateKey)));
}
