import { redactText } from "./redact-text.js";
import { safeText } from "./safe-text.js";

/** Node's codes for a look-up or connection that failed or was lost. */
const NETWORK_CODES: ReadonlySet<string> = new Set([
  "EAI_AGAIN",
  "ECONNABORTED",
  "ECONNREFUSED",
  "ECONNRESET",
  "EHOSTDOWN",
  "EHOSTUNREACH",
  "ENETDOWN",
  "ENETUNREACH",
  "ENOTFOUND",
  "EPIPE",
  "EPROTO",
  "ERR_PROXY_TUNNEL",
  "ERR_STREAM_PREMATURE_CLOSE",
]);

/** A certificate that is not trusted: Node and OpenSSL (X509_V_ERR_*), as behind a proxy that opens TLS. */
const CERTIFICATE_CODE =
  /^(ERR_TLS_|CERT_|DEPTH_ZERO_SELF_SIGNED_CERT$|SELF_SIGNED_CERT_IN_CHAIN$|UNABLE_TO_(GET|VERIFY)_)/;

/** Node's codes for a module that cannot be loaded. The last two: a sandbox such as Jest's, which refuses `import()`. */
const LOAD_CODES: ReadonlySet<string> = new Set([
  "MODULE_NOT_FOUND",
  "ERR_MODULE_NOT_FOUND",
  "ERR_PACKAGE_PATH_NOT_EXPORTED",
  "ERR_REQUIRE_ESM",
  "ERR_REQUIRE_ASYNC_MODULE",
  "ERR_VM_DYNAMIC_IMPORT_CALLBACK_MISSING",
  "ERR_VM_DYNAMIC_IMPORT_CALLBACK_MISSING_FLAG",
]);

const TIMEOUT_CODES: ReadonlySet<string> = new Set(["ETIMEDOUT", "ESOCKETTIMEDOUT", "UND_ERR_CONNECT_TIMEOUT"]);
const TIMEOUT_NAMES: ReadonlySet<string> = new Set(["AbortError", "TimeoutError"]);
const MAX_DEPTH = 5;

interface Failure {
  readonly code?: unknown;
  readonly name?: unknown;
  readonly type?: unknown;
  readonly cause?: unknown;
  readonly errors?: unknown;
}

/** Whether `error`, or anything it was caused by, is a connection that failed or was lost, or a time-out. */
export const isNetworkFailure = (error: unknown): boolean =>
  isTimeout(error) ||
  some(error, ({ code }) => typeof code === "string" && (NETWORK_CODES.has(code) || CERTIFICATE_CODE.test(code)));

/** Whether `error`, or anything it was caused by, is a time-out. */
export const isTimeout = (error: unknown): boolean =>
  some(
    error,
    ({ code, name, type }) => TIMEOUT_CODES.has(String(code)) || TIMEOUT_NAMES.has(String(name)) || type === "aborted",
  );

/** Whether `error`, or anything it was caused by, is a module that could not be loaded. */
export const isLoadFailure = (error: unknown): boolean => some(error, ({ code }) => LOAD_CODES.has(String(code)));

function some(error: unknown, test: (failure: Failure) => boolean, depth = 0): boolean {
  if (typeof error !== "object" || error === null || depth > MAX_DEPTH) return false;
  const failure: Failure = error;
  const nested: readonly unknown[] = Array.isArray(failure.errors)
    ? [failure.cause, ...failure.errors]
    : [failure.cause];
  return test(failure) || nested.some((inner) => some(inner, test, depth + 1));
}

const MAX_TEXT_BYTES = 500;
/** The SDK's text for an answer that has none. */
const SAYS_NOTHING = /^Unknown(Error)?$/;
/** The SDK points to a field that no copy of its error has. */
const WHERE_TO_LOOK = / *Deserialization error: to see the raw response.*$/;

/** A property of a foreign value, whose getter may throw. */
export function read(value: unknown, key: string): unknown {
  try {
    return Reflect.get(Object(value), key);
  } catch {
    return undefined;
  }
}

/** HTTP status and text of a foreign failure, fit for a message: one short line, without tokens and `secrets`. */
export function describeFailure(
  error: unknown,
  secrets: readonly string[] = [],
): { readonly status: number | undefined; readonly text: string } {
  const statuses = [
    read(error, "status"),
    read(read(error, "response"), "status"),
    read(read(error, "$metadata"), "httpStatusCode"),
  ];
  const status = statuses.find((value): value is number => typeof value === "number");
  const said = redactText(textOf(error), secrets).replace(/\s+/g, " ").trim().replace(WHERE_TO_LOOK, "");
  const text = status !== undefined && SAYS_NOTHING.test(said) ? `HTTP status ${status}` : said;
  return { status, text: safeText(text, MAX_TEXT_BYTES) };
}

function textOf(error: unknown): string {
  const message = read(error, "message");
  if (typeof message === "string" && message !== "") return message;
  try {
    return String(error);
  } catch {
    return "a failure without a text";
  }
}
