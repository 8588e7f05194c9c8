import { redactText, safeText } from "./text.js";
import { TimeoutError } from "./time.js";

/** A property of a foreign value, which may be anything. */
export const read = (value: unknown, key: string): unknown => Object(value)[key];

const MAX_DEPTH = 5;

/** Whether `test` holds for a code, a name or a type of `error`, or of anything that it was caused by. */
function someWord(error: unknown, test: RegExp, keys: readonly string[], depth = 0): boolean {
  if (typeof error !== "object" || error === null || depth > MAX_DEPTH) return false;
  const errors = read(error, "errors");
  return (
    keys.some((key) => test.test(String(read(error, key)))) ||
    [read(error, "cause"), ...(Array.isArray(errors) ? errors : [])].some((e) => someWord(e, test, keys, depth + 1))
  );
}

const TIMEOUT = /^(?:ETIMEDOUT|ESOCKETTIMEDOUT|UND_ERR_CONNECT_TIMEOUT|AbortError|TimeoutError|aborted)$/;
/** Node's codes for a module that cannot be loaded. The last one: a sandbox such as Jest's, which refuses `import()`. */
const LOAD = /MODULE_NOT_FOUND|^ERR_(?:PACKAGE_PATH|REQUIRE_ESM|REQUIRE_ASYNC|VM_DYNAMIC_IMPORT)/;
/** Nothing was sent: the name does not resolve, nobody accepts the connection, or this machine has none to give. */
const NOT_CONNECTED = /^(?:ECONNREFUSED|ENOTFOUND|EAI_AGAIN|E(?:HOST|NET)(?:UNREACH|DOWN)|E[MN]FILE|ENOMEM)$/;
/**
 * Node's, OpenSSL's and llhttp's codes: a connection that failed or was lost, a certificate that is not trusted, an answer that
 * is not HTTP, a machine that has no file descriptors or memory left. Each may pass.
 */
const TRANSIENT =
  /^(?:E(?!NOENT|ACCES|PERM|ISDIR|NOTDIR|INVAL)[A-Z0-9]+|EAI_[A-Z]+|ERR_(?:SSL|TLS|PROXY|STREAM_PREMATURE|SOCKET|HTTP)\w*|HPE_\w+|CERT_\w+|DEPTH_\w+|SELF_SIGNED_\w+|UNABLE_TO_\w+)$/;

export const isTimeout = (error: unknown): boolean => someWord(error, TIMEOUT, ["code", "name", "type"]);

/** Whether a module could not be loaded. */
export const isLoadFailure = (error: unknown): boolean => someWord(error, LOAD, ["code"]);

/** Whether the other side cannot have received anything. */
export const isNotConnected = (error: unknown): boolean => someWord(error, NOT_CONNECTED, ["code"]);

/** Whether it is a failure of the network or of this machine that may pass. */
export const isTransient = (error: unknown): boolean => isTimeout(error) || someWord(error, TRANSIENT, ["code"]);

const MAX_TEXT = 180;
const MAX_WORD = 80;
const MAX_CAUSES = 3;
/** The SDK points to a field that no copy of its error has. */
const WHERE_TO_LOOK = / *Deserialization error: to see the raw response.*$/;

/** HTTP status and text of a foreign failure, fit for a message: one short line, without tokens and `secrets`. */
export function describeFailure(
  error: unknown,
  secrets: readonly string[] = [],
): { readonly status: number | undefined; readonly text: string } {
  const status = [error, read(error, "response"), read(error, "$metadata")]
    .flatMap((answer) => [read(answer, "status"), read(answer, "httpStatusCode")])
    .find((value): value is number => typeof value === "number");
  const message = read(error, "message");
  const said = typeof message === "string" ? message : typeof error === "string" ? error : "";
  const text = redactText(said, secrets).replace(/\s+/g, " ").trim().replace(WHERE_TO_LOOK, "");
  if (text !== "" && !/^Unknown(?:Error)?$/.test(text)) return { status, text: safeText(text, MAX_TEXT) };
  const word = read(error, "code") ?? read(error, "name");
  const fallback = typeof word === "string" && word !== "" ? safeText(redactText(word, secrets), MAX_WORD) : "";
  return { status, text: status === undefined ? fallback || "a failure without a message" : `HTTP status ${status}` };
}

/**
 * A small copy of a foreign failure, fit to be a `cause`: its name, code, HTTP status and message, and as much of its own
 * cause. The original may hold configuration, headers, whole answers and tokens, which `util.inspect` prints.
 */
export function copyFailure(error: unknown, secrets: readonly string[] = [], depth = 1): Error {
  const { status, text } = describeFailure(error, secrets);
  const copy = error instanceof TimeoutError ? new TimeoutError(text) : new Error(text);
  const define = (key: string, value: unknown): unknown =>
    Object.defineProperty(copy, key, { value, configurable: true, writable: true });
  const word = (value: string): string => safeText(redactText(value, secrets), MAX_WORD);
  const [name, code] = [read(error, "name"), read(error, "code")];
  if (typeof name === "string" && name !== "") define("name", word(name));
  // Its stack leads to this file: only its first line says something.
  define("stack", `${copy.name}: ${text}`);
  if (typeof code === "string" || typeof code === "number")
    Object.assign(copy, { code: typeof code === "string" ? word(code) : code });
  if (status !== undefined) Object.assign(copy, { status });
  const inner = read(error, "cause") ?? read(read(error, "errors"), "0");
  if (inner && depth < MAX_CAUSES) define("cause", copyFailure(inner, secrets, depth + 1));
  return copy;
}
