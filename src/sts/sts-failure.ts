import { createError } from "../errors/create-error.js";
import { type ErrorDetails, GkeWorkloadIdentityError, type GkeWorkloadIdentityErrorCode } from "../errors/error.js";
import { copyFailure, describeFailure, isNotConnected, isTransient, read } from "../lib/failure.js";

/** STS's error codes (AssumeRoleWithWebIdentity, common errors), as the SDK names them with and without `Exception`. */
const CODES = new Map<string, GkeWorkloadIdentityErrorCode>(
  Object.entries({
    AccessDenied: "STS_ACCESS_DENIED",
    ExpiredToken: "STS_EXPIRED_TOKEN",
    IDPCommunication: "STS_IDP_UNREACHABLE",
    IDPRejectedClaim: "STS_INVALID_TOKEN",
    InvalidIdentityToken: "STS_INVALID_TOKEN",
    MalformedPolicyDocument: "STS_POLICY_INVALID",
    PackedPolicyTooLarge: "STS_POLICY_INVALID",
    RegionDisabled: "STS_REGION_DISABLED",
    Validation: "INVALID_CONFIGURATION",
  } as const),
);

/** STS could not fetch the issuer's keys in time. This passes (aws-sdk-js-v3#3052), though the code says a bad token. */
const KEYS_NOT_FETCHED = /couldn't retrieve verification key/i;
const THROTTLED = /^(?:Thrott|TooManyRequests|RequestLimitExceeded|SlowDown)/;
const TOKEN_TOO_OLD = /token (?:expired|too old)/i;
const TOO_LONG = /MaxSessionDuration|durationSeconds/i;

type Described = ReturnType<typeof describeFailure>;

/** What was called, for the words of the error. */
export interface StsCallDetails extends ErrorDetails {
  readonly token: string;
  /** Whether a request was sent, as far as the SDK's client is ours. Default: it was. */
  readonly wasSent?: boolean | undefined;
}

/**
 * Whether another server answered in place of STS, such as a proxy that refuses to connect. STS gives an error a code and each
 * answer an id; other implementations of STS give at least the id. `$response` is the answer that the SDK got.
 */
const isOfAnotherServer = (error: unknown): boolean =>
  read(error, "$response") !== undefined &&
  /^(?:Unknown|UnknownError|Error|RangeError|SyntaxError)$/.test(String(read(error, "name"))) &&
  read(read(error, "$metadata"), "requestId") === undefined;

function codeOf(error: unknown, { status, text }: Described, wasSent: boolean): GkeWorkloadIdentityErrorCode {
  const name = String(read(error, "name"));
  const named = CODES.get(name.replace(/(?:Error)?(?:Exception)?$/, ""));
  if (named === "STS_INVALID_TOKEN" && KEYS_NOT_FETCHED.test(text)) return "STS_IDP_UNREACHABLE";
  if (named === "STS_INVALID_TOKEN" && TOKEN_TOO_OLD.test(text)) return "STS_EXPIRED_TOKEN";
  if (named !== undefined) return named;
  if (status === 429 || THROTTLED.test(name)) return "STS_THROTTLED";
  if (status !== undefined && (status >= 500 || status === 407)) return "STS_UNREACHABLE";
  if (status === 401 || status === 403) return isOfAnotherServer(error) ? "STS_UNREACHABLE" : "STS_ACCESS_DENIED";
  if (status === undefined && isTransient(error)) return "STS_UNREACHABLE";
  // What fails before a request: such as an endpoint that is not a URL, or FIPS together with an endpoint of one's own.
  return status === undefined && !wasSent ? "INVALID_CONFIGURATION" : "STS_INVALID_RESPONSE";
}

/** What was said, and for an answer that is not STS's the HTTP status, which is all that a proxy tells. */
function reasonOf(error: unknown, { status, text }: Described, token: string): string {
  if (status === undefined || status < 400 || !isOfAnotherServer(error)) return text;
  const phrase = read(read(error, "$response"), "reason");
  const inWords = typeof phrase === "string" && phrase !== "" ? ` (${describeFailure(phrase, [token]).text})` : "";
  const answer = `HTTP status ${status}${inWords}, without an id of AWS: a proxy may have answered`;
  return answer.startsWith(text) ? answer : `${answer}: ${text}`;
}

/** Gives whatever the SDK or an injected role assumer threw its code, and keeps it as the cause without the token. */
export function toStsError(error: unknown, details: StsCallDetails): GkeWorkloadIdentityError {
  if (error instanceof GkeWorkloadIdentityError) return error;
  const { token, wasSent = true, durationSeconds, ...known } = details;
  const described = describeFailure(error, [token]);
  const code = codeOf(error, described, wasSent);
  const said = reasonOf(error, described, token);
  const cause = copyFailure(error, [token]);
  if (code !== "INVALID_CONFIGURATION") {
    const hostSetBy = known.host && known.hostSetBy;
    return createError(code, { ...known, hostSetBy, reason: said }, { cause });
  }
  const isSet = known.hostSetBy ? ` (${known.hostSetBy} is set)` : "";
  const reason = wasSent
    ? `STS refused the request: ${said}`
    : `STS was not called, a setting is wrong${isSet}: ${said}`;
  const tooLong = TOO_LONG.test(described.text) && { durationSeconds };
  return createError(code, { ...known, ...tooLong, reason }, { cause });
}

/** Why another region may do better: it did not answer, or answered 5xx. A refusal is final. */
export const reasonToFailOver = (error: unknown): GkeWorkloadIdentityErrorCode | undefined =>
  error instanceof GkeWorkloadIdentityError && error.code === "STS_UNREACHABLE" ? error.code : undefined;

/** Whether STS cannot have received the call: to try again costs it nothing. */
export const hasNotReachedSts = (error: unknown): boolean =>
  reasonToFailOver(error) !== undefined && isNotConnected(read(error, "cause"));

/** Whether the SDK's own retry strategy has tried this again already. */
export const isRetriedBySdk = (error: unknown): boolean =>
  !/^InvalidIdentityToken/.test(String(read(read(error, "cause"), "name")));

/** Whether the calling client's connection or region may be the cause. A refusal by STS is the same for every client. */
export const isOfCallingClient = (error: unknown): boolean =>
  /^(?:STS_(?:UNREACHABLE|INVALID_RESPONSE|REGION_DISABLED)|INVALID_CONFIGURATION)$/.test(String(read(error, "code")));
