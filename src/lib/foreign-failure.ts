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
  "ERR_STREAM_PREMATURE_CLOSE",
]);

/** A certificate that is not trusted: Node and OpenSSL (X509_V_ERR_*), as behind a proxy that opens TLS. */
const CERTIFICATE_CODE =
  /^(ERR_TLS_|CERT_|DEPTH_ZERO_SELF_SIGNED_CERT$|SELF_SIGNED_CERT_IN_CHAIN$|UNABLE_TO_(GET|VERIFY)_)/;

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

function some(error: unknown, test: (failure: Failure) => boolean, depth = 0): boolean {
  if (typeof error !== "object" || error === null || depth > MAX_DEPTH) return false;
  const failure: Failure = error;
  const nested: readonly unknown[] = Array.isArray(failure.errors)
    ? [failure.cause, ...failure.errors]
    : [failure.cause];
  return test(failure) || nested.some((inner) => some(inner, test, depth + 1));
}

const MAX_TEXT = 500;

/** HTTP status and text of a foreign failure, fit for a message: one line, not longer than a few. */
export function describeFailure(error: unknown): { readonly status: number | undefined; readonly text: string } {
  const { status, response, $metadata, message } = Object(error) as {
    readonly status?: unknown;
    readonly response?: { readonly status?: unknown };
    readonly $metadata?: { readonly httpStatusCode?: unknown };
    readonly message?: unknown;
  };
  const found = [status, response?.status, $metadata?.httpStatusCode].find((value) => typeof value === "number");
  const said = typeof message === "string" && message !== "" ? message : String(error);
  const text = said.replace(/\s+/g, " ").trim();
  return { status: found as number | undefined, text: text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text };
}
