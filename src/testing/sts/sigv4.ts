import { createHash, createHmac } from "node:crypto";
import { posix } from "node:path";
import { AwsServiceError } from "./aws-answers.js";

/** A signed HTTP request as a server received it. */
export interface SignedRequest {
  /** `GET`, `POST` and so on. */
  readonly method: string;
  /** Path and query as they came, still encoded. */
  readonly target: string;
  /** By lower-case names, as Node's `http` gives them, or `http2` with `:authority`. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** The whole body; empty where there is none. */
  readonly body: Uint8Array;
}

const CREDENTIAL = /^([^/\s]+)\/(\d{8})\/([^/\s]+)\/([^/\s]+)\/aws4_request$/;
const HEADER = /^AWS4-HMAC-SHA256\s+Credential=([^,\s]+),\s*SignedHeaders=([^,\s]+),\s*Signature=([0-9a-f]{64})$/;
/** `20260102T030405Z`. */
const AMZ_DATE = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/;
/** AWS's limit: a week. */
const MAX_EXPIRES_S = 604_800;
const MAX_SKEW_MS = 15 * 60_000;
const SHA256_HEX = /^[0-9a-f]{64}$/;

const sha256 = (data: string | Uint8Array): string => createHash("sha256").update(data).digest("hex");
const hmac = (key: string | Buffer, text: string): Buffer => createHmac("sha256", key).update(text).digest();
const mismatch = (reason: string): AwsServiceError => new AwsServiceError("SignatureDoesNotMatch", reason, 403);

const headerOf = (request: SignedRequest, name: string): string | undefined => {
  // Over HTTP/2 a client that signed `host` sends `:authority` alone.
  const value = request.headers[name] ?? (name === "host" ? request.headers[":authority"] : undefined);
  return typeof value === "string" ? value : value?.join(",");
};

/** What a signature says about itself, in the `Authorization` header or in a presigned URL's query. */
function readSignature(request: SignedRequest) {
  const [path = "/", search = ""] = request.target.split(/\?(.*)/s, 2);
  const query = new URLSearchParams(search.replaceAll("+", "%2B"));
  const isPresigned = query.has("X-Amz-Signature");
  const parameter = (name: string): string =>
    (isPresigned ? query.get(`X-Amz-${name}`) : headerOf(request, `x-amz-${name.toLowerCase()}`)) ?? "";
  const authorization = headerOf(request, "authorization");
  if (!isPresigned && !authorization)
    throw new AwsServiceError("MissingAuthenticationToken", "Request is missing Authentication Token", 403);
  const [, credential = "", signedHeaders = "", signature = ""] = isPresigned
    ? ["", parameter("Credential"), parameter("SignedHeaders"), parameter("Signature")]
    : (HEADER.exec(authorization ?? "") ?? []);
  const [, accessKeyId = "", day = "-", region = "", service = ""] = CREDENTIAL.exec(credential) ?? [];
  const amzDate = parameter("Date");
  const signedAt = Date.parse(amzDate.replace(AMZ_DATE, "$1-$2-$3T$4:$5:$6Z"));
  const expiresIn = isPresigned ? Number(parameter("Expires")) : undefined;
  const isInRange = expiresIn === undefined || (expiresIn >= 1 && expiresIn <= MAX_EXPIRES_S);
  if (!SHA256_HEX.test(signature) || Number.isNaN(signedAt) || !amzDate.startsWith(day) || !isInRange) {
    const where = isPresigned ? "The query of the presigned URL" : "Authorization header or x-amz-date";
    throw new AwsServiceError("IncompleteSignature", `${where} lacks a part`, 400);
  }
  return {
    path,
    query,
    accessKeyId,
    scope: [day, region, service, "aws4_request"],
    service,
    signedHeaders: signedHeaders.split(";").sort(),
    signature,
    amzDate,
    signedAt,
    securityToken: parameter("Security-Token"),
    /** How long a presigned URL works, in seconds; undefined for a signature in the header. */
    expiresIn,
  };
}

/**
 * Verifies a request's AWS Signature Version 4, in the `Authorization` header or in a presigned URL's query.
 *
 * @param lookUp - Finds the credentials of an access key id; undefined for one that was never issued.
 * @returns The credentials that signed.
 * @throws AwsServiceError `MissingAuthenticationToken`, `IncompleteSignature`, `InvalidClientTokenId`,
 * `SignatureDoesNotMatch`, or `AccessDenied` for a presigned URL that has expired.
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html
 */
export function verifySignature<Credentials extends { secretAccessKey: string; sessionToken: string }>(
  request: SignedRequest,
  lookUp: (accessKeyId: string) => Credentials | undefined,
): Credentials {
  const given = readSignature(request);
  const { signedHeaders, expiresIn } = given;
  const age = Date.now() - given.signedAt;
  if (age < -MAX_SKEW_MS || (expiresIn === undefined && age > MAX_SKEW_MS))
    throw mismatch("Signature expired or not yet current");
  if (expiresIn !== undefined && age > expiresIn * 1000)
    throw new AwsServiceError("AccessDenied", "Request has expired", 403);

  const credentials = lookUp(given.accessKeyId);
  if (!credentials || given.securityToken !== credentials.sessionToken)
    throw new AwsServiceError("InvalidClientTokenId", "The security token included in the request is invalid.", 403);

  // The SDK signs an HTTP/2 request with `:authority` in place of `host`.
  const host = signedHeaders.includes(":authority") ? ":authority" : "host";
  const needed = expiresIn === undefined ? [host, "x-amz-date", "x-amz-security-token"] : [host];
  if (!needed.every((name) => signedHeaders.includes(name))) throw mismatch(`${needed.join(", ")} must be signed`);
  const declared = headerOf(request, "x-amz-content-sha256");
  if (declared !== undefined && SHA256_HEX.test(declared) && declared !== sha256(request.body))
    throw mismatch("x-amz-content-sha256 is not the hash of the body");

  const { scope, amzDate } = given;
  const key = scope.reduce<string | Buffer>(hmac, `AWS4${credentials.secretAccessKey}`);
  const toSign = ["AWS4-HMAC-SHA256", amzDate, scope.join("/"), sha256(canonicalRequest(request, given))].join("\n");
  if (hmac(key, toSign).toString("hex") !== given.signature)
    throw mismatch("The request signature we calculated does not match the signature you provided.");
  return credentials;
}

/** Escapes all but the unreserved characters of RFC 3986. */
const escapeUri = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);

/** The request as one text, as both sides sign it. S3 alone signs a path as it is. */
function canonicalRequest(request: SignedRequest, given: ReturnType<typeof readSignature>): string {
  const { path, query, service, signedHeaders, expiresIn } = given;
  // A space sorts before all characters of an escaped name.
  const parameters = [...query]
    .filter(([name]) => name !== "X-Amz-Signature")
    .map(([name, value]) => `${escapeUri(name)} ${escapeUri(value)}`)
    .sort();
  const headers = signedHeaders.map(
    (name) => `${name}:${headerOf(request, name)?.trim().replace(/\s+/g, " ") ?? ""}\n`,
  );
  // S3 takes every presigned body; some signers say so in the query, others do not.
  const declared =
    expiresIn === undefined
      ? headerOf(request, "x-amz-content-sha256")
      : (query.get("X-Amz-Content-Sha256") ?? (service === "s3" ? "UNSIGNED-PAYLOAD" : undefined));
  return [
    request.method,
    service === "s3" ? path : posix.normalize(path).split("/").map(escapeUri).join("/"),
    parameters.join("&").replaceAll(" ", "="),
    headers.join(""),
    signedHeaders.join(";"),
    declared ?? sha256(request.body),
  ].join("\n");
}
