import { TimeoutError } from "./deadline.js";
import { describeFailure, read } from "./foreign-failure.js";
import { redactText } from "./redact-text.js";
import { safeText } from "./safe-text.js";

const MAX_WORD_BYTES = 80;
const MAX_CAUSES = 3;

/** A name or a code as it is shown; numbers stay numbers. */
const wordOf = (value: unknown, secrets: readonly string[]): string | number | undefined => {
  if (typeof value === "number") return value;
  return typeof value === "string" && value !== "" ? safeText(redactText(value, secrets), MAX_WORD_BYTES) : undefined;
};

/** What is kept of a foreign failure. */
export interface SmallFailure extends Error {
  readonly code?: string | number;
  readonly status?: number;
  /** What the failure said, where the message above it says that already. */
  readonly text?: string;
}

/**
 * A small copy of a foreign failure, fit to be a `cause`: its name, code, HTTP status and text, and as much of its own
 * cause. The original may hold configuration, headers, whole answers and tokens, which `util.inspect` prints.
 */
export function copyFailure(error: unknown, secrets: readonly string[] = [], depth = 0): SmallFailure {
  const { status, text } = describeFailure(error, secrets);
  const [code, name] = [wordOf(read(error, "code"), secrets), wordOf(read(error, "name"), secrets)];
  const copy = error instanceof TimeoutError ? new TimeoutError(text) : new Error(text);
  define(copy, "name", name === undefined ? "Error" : String(name));
  setText(copy, text);
  if (code !== undefined) Object.assign(copy, { code });
  if (status !== undefined) Object.assign(copy, { status });
  const said = read(error, "text");
  if (error instanceof Error && typeof said === "string")
    Object.assign(copy, { text: describeFailure(said, secrets).text });
  const cause = read(error, "cause") ?? read(read(error, "errors"), "0");
  if (cause !== undefined && cause !== null && depth < MAX_CAUSES - 1)
    define(copy, "cause", copyFailure(cause, secrets, depth + 1));
  return copy;
}

const define = (error: Error, key: string, value: unknown): unknown =>
  Object.defineProperty(error, key, { value, configurable: true, writable: true, enumerable: false });

/** The stack of a copy leads to this file: only its first line tells something. */
function setText(error: Error, text: string): void {
  define(error, "message", text);
  define(error, "stack", `${error.name}: ${text}`);
}

/** Loggers join the messages of an error and its causes. What `message` says already becomes the field `text`. */
export function withoutRepeating(failure: SmallFailure, message: string): SmallFailure {
  const { message: text, status, cause } = failure;
  if (text !== "" && message.includes(text)) {
    Object.assign(failure, { text });
    setText(failure, status === undefined ? "see above" : `HTTP status ${status}`);
  }
  if (cause instanceof Error) withoutRepeating(cause, message);
  return failure;
}
