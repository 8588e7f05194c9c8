import { createError } from "../errors/create-error.js";
import {
  type ErrorDetails,
  GkeWorkloadIdentityError,
  type GkeWorkloadIdentityErrorCode,
} from "../errors/gke-workload-identity-error.js";
import { describeFailure, isNetworkFailure, read } from "../lib/foreign-failure.js";
import { redactError } from "../lib/redact.js";

/** STS's error codes (AssumeRoleWithWebIdentity, common errors), as the SDK names them with and without `Exception`. */
const CODES: ReadonlyMap<string, GkeWorkloadIdentityErrorCode> = new Map(
  Object.entries({
    AccessDenied: "STS_ACCESS_DENIED",
    ExpiredToken: "STS_EXPIRED_TOKEN",
    IDPCommunicationError: "STS_IDP_UNREACHABLE",
    IDPRejectedClaim: "STS_INVALID_TOKEN",
    InvalidIdentityToken: "STS_INVALID_TOKEN",
    MalformedPolicyDocument: "STS_POLICY_INVALID",
    PackedPolicyTooLarge: "STS_POLICY_INVALID",
    RegionDisabled: "STS_REGION_DISABLED",
    RequestLimitExceeded: "STS_THROTTLED",
    SlowDown: "STS_THROTTLED",
    Throttling: "STS_THROTTLED",
    ThrottledException: "STS_THROTTLED",
    TooManyRequests: "STS_THROTTLED",
    ValidationError: "INVALID_CONFIGURATION",
  }),
);

/** STS could not fetch the issuer's keys in time. This passes (aws-sdk-js-v3#3052), though the code says a bad token. */
const KEYS_NOT_FETCHED = /couldn't retrieve verification key/i;
const TOKEN_TOO_OLD = /token (expired|too old)/i;
const TOO_LONG = /MaxSessionDuration|durationSeconds/i;

type Described = ReturnType<typeof describeFailure>;

/** The names of an error that was made of an answer without a code. */
const NAMELESS: ReadonlySet<unknown> = new Set(["Unknown", "UnknownError", "Error", "RangeError", "SyntaxError"]);

/**
 * Whether another server answered the SDK in place of STS, such as a proxy that refuses to connect. STS gives an error a
 * code and each answer an id; other implementations of STS give at least the id. `$response` is the answer that the SDK got.
 */
const isForeign = (error: unknown): boolean =>
  read(error, "$response") !== undefined &&
  NAMELESS.has(read(error, "name")) &&
  read(read(error, "$metadata"), "requestId") === undefined;

function codeOf(error: unknown, { status, text }: Described): GkeWorkloadIdentityErrorCode {
  const name = String(Reflect.get(Object(error), "name"));
  const named = CODES.get(name) ?? CODES.get(name.replace(/(Exception|Error)$/, ""));
  if (named === "STS_INVALID_TOKEN" && KEYS_NOT_FETCHED.test(text)) return "STS_IDP_UNREACHABLE";
  if (named === "STS_INVALID_TOKEN" && TOKEN_TOO_OLD.test(text)) return "STS_EXPIRED_TOKEN";
  if (named !== undefined) return named;
  if (status === 429) return "STS_THROTTLED";
  if (status !== undefined && status >= 500) return "STS_UNREACHABLE";
  if (status === 407) return "STS_UNREACHABLE";
  if (status === 401 || status === 403) return isForeign(error) ? "STS_UNREACHABLE" : "STS_ACCESS_DENIED";
  return status === undefined && isNetworkFailure(error) ? "STS_UNREACHABLE" : "STS_INVALID_RESPONSE";
}

/** What was said, and for an answer that is not STS's the HTTP status, which is all that a proxy tells. */
function reasonOf(error: unknown, { status, text }: Described, token: string): string {
  if (status === undefined || status < 400 || !isForeign(error)) return text;
  const phrase = read(read(error, "$response"), "reason");
  const inWords = typeof phrase === "string" && phrase !== "" ? ` (${describeFailure(phrase, [token]).text})` : "";
  const answer = `HTTP status ${status}${inWords}, without an id of AWS: a proxy may have answered`;
  return answer.startsWith(text) ? answer : `${answer}: ${text}`;
}

/**
 * Gives a failure of the SDK, or of an injected role assumer, its code, and keeps it as the cause without the token.
 * Anything can be thrown there, also an object that throws when it is read.
 */
export function classifyStsFailure(error: unknown, details: ErrorDetails, token: string): GkeWorkloadIdentityError {
  try {
    return error instanceof GkeWorkloadIdentityError ? error : classify(error, details, token);
  } catch {
    const { durationSeconds: _, ...known } = details;
    const reason = "the failure cannot be read.";
    return createError("STS_INVALID_RESPONSE", { ...known, reason });
  }
}

function classify(
  error: unknown,
  { durationSeconds, ...details }: ErrorDetails,
  token: string,
): GkeWorkloadIdentityError {
  const described = describeFailure(error, [token]);
  const code = codeOf(error, described);
  const said = reasonOf(error, described, token);
  const reason = code === "INVALID_CONFIGURATION" ? `STS refused the request: ${said}` : said;
  const tooLong = TOO_LONG.test(described.text) ? { durationSeconds } : {};
  return createError(code, { ...details, ...tooLong, reason }, { cause: redactError(error, [token]) });
}

/** Whether STS did not answer, or answered 5xx. Another region may do better; a refusal is final. */
export const isUnreachable = (error: unknown): error is GkeWorkloadIdentityError =>
  error instanceof GkeWorkloadIdentityError && error.code === "STS_UNREACHABLE";

/** Whether the SDK's own retry strategy has tried this again already. */
export const isRetriedBySdk = (error: unknown): boolean => {
  const name = error instanceof GkeWorkloadIdentityError ? Reflect.get(Object(error.cause), "name") : undefined;
  return !(name === "InvalidIdentityToken" || name === "InvalidIdentityTokenException");
};
