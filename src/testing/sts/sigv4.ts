import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { SignatureV4 } from "@smithy/signature-v4";
import type { Checksum, ChecksumConstructor } from "@smithy/types";
import { AwsServiceError } from "./aws-error.js";

/** A signed HTTP request as a server received it. */
export interface SignedRequest {
  /** `GET`, `POST` and so on. */
  readonly method: string;
  /** Path and query as they came, still encoded. */
  readonly target: string;
  /** By lower-case names, as Node gives them. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** The whole body; empty where there is none. */
  readonly body: Uint8Array;
}

/** What the signature was made with, as far as a server can look it up. */
export interface SigningCredentials {
  readonly secretAccessKey: string;
  readonly sessionToken: string;
}

const AUTHORIZATION =
  /^AWS4-HMAC-SHA256\s+Credential=([^/\s]+)\/(\d{8})\/([^/\s]+)\/([^/\s]+)\/aws4_request,\s*SignedHeaders=([^,\s]+),\s*Signature=([0-9a-f]{64})$/;
const MAX_SKEW_MS = 15 * 60_000;

/** SHA-256 and HMAC-SHA-256 in the shape that the SDK's signer takes. */
const Sha256 = class implements Checksum {
  readonly #hash: ReturnType<typeof createHash> | ReturnType<typeof createHmac>;

  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#hash = secret === undefined ? createHash("sha256") : createHmac("sha256", toBytes(secret));
  }

  update(data: Uint8Array): void {
    this.#hash.update(data);
  }

  async digest(): Promise<Uint8Array> {
    return this.#hash.digest();
  }

  reset(): void {}
};

function toBytes(source: string | ArrayBuffer | ArrayBufferView): Uint8Array {
  if (typeof source === "string") return Buffer.from(source);
  return ArrayBuffer.isView(source)
    ? new Uint8Array(source.buffer, source.byteOffset, source.byteLength)
    : new Uint8Array(source);
}

const hex = (body: Uint8Array): string => createHash("sha256").update(body).digest("hex");

const header = (request: SignedRequest, name: string): string | undefined => {
  const value = request.headers[name];
  return typeof value === "string" ? value : value?.join(",");
};

/** `20260102T030405Z` (AWS Signature Version 4, `x-amz-date`). */
function parseAmzDate(value: string | undefined): Date | undefined {
  const [, y, mo, d, h, mi, s] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(value ?? "") ?? [];
  const date = new Date(`${y}-${mo}-${d}T${h}:${mi}:${s}Z`);
  return Number.isNaN(date.getTime()) ? undefined : date;
}

function parseQuery(query: string): Record<string, string | string[]> {
  const parsed: Record<string, string | string[]> = {};
  for (const pair of query.split("&").filter(Boolean)) {
    const [key = "", value = ""] = pair.split(/=(.*)/s, 2).map(decodeURIComponent);
    const known = parsed[key];
    parsed[key] = known === undefined ? value : [...(Array.isArray(known) ? known : [known]), value];
  }
  return parsed;
}

/**
 * Verifies a request's AWS Signature Version 4 by signing it again with the SDK's own signer, from the received bytes
 * and the headers that the client says it signed.
 *
 * @param lookUp - Finds the credentials of an access key id; undefined for one that was never issued.
 * @param now - The server's clock, in milliseconds.
 * @returns The access key id that signed.
 * @throws AwsServiceError `MissingAuthenticationToken`, `IncompleteSignature`, `InvalidClientTokenId` or `SignatureDoesNotMatch`.
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html
 */
export async function verifySignature(
  request: SignedRequest,
  lookUp: (accessKeyId: string) => SigningCredentials | undefined,
  now: number,
): Promise<string> {
  const authorization = header(request, "authorization");
  if (!authorization)
    throw new AwsServiceError("MissingAuthenticationToken", "Request is missing Authentication Token", 403);
  const [, accessKeyId = "", day, region = "", service = "", signedHeaders = "", signature = ""] =
    AUTHORIZATION.exec(authorization) ?? [];
  const date = parseAmzDate(header(request, "x-amz-date"));
  if (!signature || !date || !header(request, "x-amz-date")?.startsWith(day ?? "-")) {
    throw new AwsServiceError("IncompleteSignature", "Authorization header or x-amz-date is missing a part", 400);
  }
  const mismatch = (reason: string): AwsServiceError => new AwsServiceError("SignatureDoesNotMatch", reason, 403);
  if (Math.abs(now - date.getTime()) > MAX_SKEW_MS) throw mismatch("Signature expired or not yet current");

  const credentials = lookUp(accessKeyId);
  if (!credentials || header(request, "x-amz-security-token") !== credentials.sessionToken) {
    throw new AwsServiceError("InvalidClientTokenId", "The security token included in the request is invalid.", 403);
  }
  const names = signedHeaders.split(";");
  if (!["host", "x-amz-date", "x-amz-security-token"].every((name) => names.includes(name))) {
    throw mismatch("host, x-amz-date and x-amz-security-token must be signed");
  }
  const payloadHash = header(request, "x-amz-content-sha256");
  const isWholeBody = payloadHash !== undefined && /^[0-9a-f]{64}$/.test(payloadHash);
  if (isWholeBody && payloadHash !== hex(request.body))
    throw mismatch("x-amz-content-sha256 is not the hash of the body");

  const signer = new SignatureV4({
    credentials: { accessKeyId, ...credentials },
    region,
    service,
    sha256: Sha256 as ChecksumConstructor,
    uriEscapePath: service !== "s3",
    applyChecksum: false,
  });
  const [path = "/", query = ""] = request.target.split(/\?(.*)/s, 2);
  const again = await signer.sign(
    {
      method: request.method,
      protocol: "http:",
      hostname: header(request, "host") ?? "",
      path,
      query: parseQuery(query),
      headers: Object.fromEntries(names.map((name) => [name, header(request, name) ?? ""])),
      body: request.body,
    },
    { signingDate: date, signableHeaders: new Set(names) },
  );
  const expected = /Signature=([0-9a-f]{64})$/.exec(again.headers.authorization ?? "")?.[1] ?? "";
  if (expected.length !== signature.length || !timingSafeEqual(Buffer.from(expected), Buffer.from(signature))) {
    throw mismatch("The request signature we calculated does not match the signature you provided.");
  }
  return accessKeyId;
}
