import { timingSafeEqual } from "node:crypto";
import { SignatureV4 } from "@smithy/signature-v4";
import type { HttpRequest } from "@smithy/types";
import { AwsServiceError } from "./aws-error.js";
import {
  headerOf,
  parseTarget,
  type Query,
  type RequestSignature,
  readSignature,
  type SignedRequest,
} from "./request-signature.js";
import { Sha256, sha256Hex } from "./sha256.js";

/** What the signature was made with, as far as a server can look it up. */
export interface SigningCredentials {
  readonly secretAccessKey: string;
  readonly sessionToken: string;
}

const MAX_SKEW_MS = 15 * 60_000;
/** What a presigned URL adds to the query when it is signed. */
const ADDED = ["Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Security-Token", "Signature"];
const PAYLOAD_HASH = "x-amz-content-sha256";

const mismatch = (reason: string): AwsServiceError => new AwsServiceError("SignatureDoesNotMatch", reason, 403);

/**
 * Verifies a request's AWS Signature Version 4, in the `Authorization` header or in a presigned URL's query: signs the
 * received request again with the SDK's own signer, with the headers that the client says it signed.
 *
 * @param lookUp - Finds the credentials of an access key id; undefined for one that was never issued.
 * @param now - The server's clock, in milliseconds.
 * @returns The access key id that signed.
 * @throws AwsServiceError `MissingAuthenticationToken`, `IncompleteSignature`, `InvalidClientTokenId`,
 * `SignatureDoesNotMatch`, or `AccessDenied` for a presigned URL that has expired.
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html
 */
export async function verifySignature(
  request: SignedRequest,
  lookUp: (accessKeyId: string) => SigningCredentials | undefined,
  now: number,
): Promise<string> {
  const { path, query } = parseTarget(request.target);
  const given = readSignature(request, query);
  requireCurrent(given, now);
  const credentials = lookUp(given.accessKeyId);
  if (!credentials || given.securityToken !== credentials.sessionToken) {
    throw new AwsServiceError("InvalidClientTokenId", "The security token included in the request is invalid.", 403);
  }
  requireSignedParts(request, given);
  const expected = await signAgain(request, path, query, given, credentials);
  if (
    expected.length !== given.signature.length ||
    !timingSafeEqual(Buffer.from(expected), Buffer.from(given.signature))
  )
    throw mismatch("The request signature we calculated does not match the signature you provided.");
  return given.accessKeyId;
}

function requireCurrent({ date, expiresIn }: RequestSignature, now: number): void {
  const age = now - date.getTime();
  if (age < -MAX_SKEW_MS || (expiresIn === undefined && age > MAX_SKEW_MS))
    throw mismatch("Signature expired or not yet current");
  if (expiresIn !== undefined && age > expiresIn * 1000)
    throw new AwsServiceError("AccessDenied", "Request has expired", 403);
}

function requireSignedParts(request: SignedRequest, { signedHeaders, expiresIn }: RequestSignature): void {
  // The SDK signs an HTTP/2 request with `:authority` in place of `host`.
  const host = signedHeaders.includes(":authority") ? ":authority" : "host";
  const needed = expiresIn === undefined ? [host, "x-amz-date", "x-amz-security-token"] : [host];
  if (!needed.every((name) => signedHeaders.includes(name))) throw mismatch(`${needed.join(", ")} must be signed`);
  const payloadHash = headerOf(request, PAYLOAD_HASH);
  const isWholeBody = payloadHash !== undefined && /^[0-9a-f]{64}$/.test(payloadHash);
  if (isWholeBody && payloadHash !== sha256Hex(request.body))
    throw mismatch("x-amz-content-sha256 is not the hash of the body");
}

/** The signature that these credentials give the request. */
async function signAgain(
  request: SignedRequest,
  path: string,
  query: Query,
  { accessKeyId, region, service, signedHeaders, date: signingDate, expiresIn }: RequestSignature,
  credentials: SigningCredentials,
): Promise<string> {
  const signer = new SignatureV4({
    credentials: { accessKeyId, ...credentials },
    region,
    service,
    sha256: Sha256,
    uriEscapePath: service !== "s3",
    applyChecksum: false,
  });
  const received = {
    method: request.method,
    protocol: "http:",
    hostname: "",
    path,
    query,
    headers: Object.fromEntries(signedHeaders.map((name) => [name, headerOf(request, name) ?? ""])),
    body: request.body,
  };
  const signableHeaders = new Set(signedHeaders);
  if (expiresIn !== undefined) {
    const unhoistableHeaders = new Set([...signedHeaders, PAYLOAD_HASH]);
    const unsignableHeaders = new Set([PAYLOAD_HASH]);
    const options = { signingDate, expiresIn, signableHeaders, unsignableHeaders, unhoistableHeaders };
    const signed = await signer.presign(beforePresigning(received, service), options);
    return String(signed.query?.["X-Amz-Signature"]);
  }
  const signed = await signer.sign(received, { signingDate, signableHeaders });
  return /Signature=([0-9a-f]{64})$/.exec(signed.headers.authorization ?? "")?.[1] ?? "";
}

/**
 * The request as it was before the signer put its own parameters into the query. S3 takes every presigned body; some
 * signers say so with X-Amz-Content-Sha256 in the query, others do not.
 */
function beforePresigning<R extends HttpRequest>(received: R, service: string): R {
  const added = new Set(ADDED.map((name) => `X-Amz-${name}`));
  const query = Object.fromEntries(Object.entries(received.query ?? {}).filter(([name]) => !added.has(name)));
  const hash = query["X-Amz-Content-Sha256"] ?? (service === "s3" ? "UNSIGNED-PAYLOAD" : undefined);
  return { ...received, query, headers: { ...received.headers, ...(hash && { [PAYLOAD_HASH]: String(hash) }) } };
}
