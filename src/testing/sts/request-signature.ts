import { AwsServiceError } from "./aws-error.js";

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

export type Query = Record<string, string | string[]>;

/** What a signature says about itself, in the `Authorization` header or in the query of a presigned URL. */
export interface RequestSignature {
  readonly accessKeyId: string;
  readonly region: string;
  readonly service: string;
  readonly signedHeaders: readonly string[];
  /** 64 hex digits. */
  readonly signature: string;
  readonly date: Date;
  readonly securityToken: string | undefined;
  /** How long a presigned URL works, in seconds; undefined for a signature in the header. */
  readonly expiresIn: number | undefined;
}

const CREDENTIAL = /^([^/\s]+)\/(\d{8})\/([^/\s]+)\/([^/\s]+)\/aws4_request$/;
const HEADER = /^AWS4-HMAC-SHA256\s+Credential=([^,\s]+),\s*SignedHeaders=([^,\s]+),\s*Signature=([0-9a-f]{64})$/;
/** AWS's limit: a week. */
const MAX_EXPIRES_S = 604_800;

export const headerOf = (request: SignedRequest, name: string): string | undefined => {
  // Over HTTP/2 a client that signed `host` sends `:authority` alone.
  const value = request.headers[name] ?? (name === "host" ? request.headers[":authority"] : undefined);
  return typeof value === "string" ? value : value?.join(",");
};

/** `20260102T030405Z` (AWS Signature Version 4, `x-amz-date`). */
function parseAmzDate(value: string): Date | undefined {
  const [, y, mo, d, h, mi, s] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(value) ?? [];
  const date = new Date(`${y}-${mo}-${d}T${h}:${mi}:${s}Z`);
  return Number.isNaN(date.getTime()) ? undefined : date;
}

/** Path and query of a request's target; names that come several times have a list. */
export function parseTarget(target: string): { readonly path: string; readonly query: Query } {
  const [path = "/", text = ""] = target.split(/\?(.*)/s, 2);
  const query: Query = {};
  for (const pair of text.split("&").filter(Boolean)) {
    const [key = "", value = ""] = pair.split(/=(.*)/s, 2).map(decodeURIComponent);
    const known = query[key];
    query[key] = known === undefined ? value : [...(Array.isArray(known) ? known : [known]), value];
  }
  return { path, query };
}

/**
 * Reads the signature of a request.
 *
 * @throws AwsServiceError `MissingAuthenticationToken` or `IncompleteSignature`
 */
export function readSignature(request: SignedRequest, query: Query): RequestSignature {
  const parameter = (name: string): string => String(query[`X-Amz-${name}`] ?? "");
  const isPresigned = parameter("Signature") !== "";
  const authorization = headerOf(request, "authorization");
  if (!isPresigned && !authorization)
    throw new AwsServiceError("MissingAuthenticationToken", "Request is missing Authentication Token", 403);
  const [, credential = "", signedHeaders = "", signature = ""] = isPresigned
    ? ["", parameter("Credential"), parameter("SignedHeaders"), parameter("Signature")]
    : (HEADER.exec(authorization ?? "") ?? []);
  const amzDate = isPresigned ? parameter("Date") : (headerOf(request, "x-amz-date") ?? "");
  const [, accessKeyId = "", day = "-", region = "", service = ""] = CREDENTIAL.exec(credential) ?? [];
  const date = parseAmzDate(amzDate);
  const expiresIn = isPresigned ? Number(parameter("Expires")) : undefined;
  const isInRange = expiresIn === undefined || (expiresIn >= 1 && expiresIn <= MAX_EXPIRES_S);
  if (!/^[0-9a-f]{64}$/.test(signature) || !date || !amzDate.startsWith(day) || !isInRange) {
    const where = isPresigned ? "The query of the presigned URL" : "Authorization header or x-amz-date";
    throw new AwsServiceError("IncompleteSignature", `${where} lacks a part`, 400);
  }
  const securityToken = isPresigned
    ? parameter("Security-Token") || undefined
    : headerOf(request, "x-amz-security-token");
  const names = signedHeaders.split(";");
  return { accessKeyId, region, service, signedHeaders: names, signature, date, securityToken, expiresIn };
}
