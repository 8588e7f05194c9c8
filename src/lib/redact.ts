import type { Logger } from "@smithy/types";
import { isSecretField, REPLACEMENT, redactText } from "./redact-text.js";
import { copyFailure } from "./small-cause.js";

export { redactText } from "./redact-text.js";

const MAX_DEPTH = 8;
const MAX_ITEMS = 200;

/** A small copy of a foreign error for `cause`, without tokens and the given secrets: see {@link copyFailure}. */
export const redactError = copyFailure;

/**
 * A logger for the SDK's STS client, which logs whole answers: its own filter hides the token that goes in, but not the
 * session token that comes out.
 */
export function redactingLogger(logger: Logger): Logger {
  const log =
    (level: "trace" | "debug" | "info" | "warn" | "error") =>
    (...content: unknown[]): void =>
      logger[level]?.(...content.map((item) => redactCopy(item)));
  return { trace: log("trace"), debug: log("debug"), info: log("info"), warn: log("warn"), error: log("error") };
}

/** A copy without secrets, of plain values only: by their form in texts, by the names of their fields elsewhere. */
export function redactCopy(value: unknown, depth = 0): unknown {
  if (typeof value === "string") return redactText(value);
  if (typeof value === "function") return "[function]";
  if (typeof value !== "object" || value === null || value instanceof Date) return value;
  if (value instanceof Error) return redactText(`${value.name}: ${value.message}`);
  if (value instanceof URL || value instanceof URLSearchParams) return redactText(String(value));
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return `[${value.byteLength} bytes]`;
  if (depth >= MAX_DEPTH) return REPLACEMENT;
  if (Array.isArray(value)) return value.slice(0, MAX_ITEMS).map((item) => redactCopy(item, depth + 1));
  if (value instanceof Set) return redactCopy([...value], depth);
  const entries = value instanceof Map || value instanceof Headers ? [...value] : entriesOf(value);
  return Object.fromEntries(
    entries
      .slice(0, MAX_ITEMS)
      .map(([key, item]) => [
        redactText(String(key)),
        isSecretField(String(key)) ? REPLACEMENT : redactCopy(item, depth + 1),
      ]),
  );
}

/** An object may have getters that throw. */
function entriesOf(value: object): readonly (readonly [unknown, unknown])[] {
  try {
    return Object.entries(value);
  } catch {
    return [];
  }
}
