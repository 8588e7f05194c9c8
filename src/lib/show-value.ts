import { redactText } from "./redact-text.js";
import { safeText } from "./safe-text.js";

const MAX_KEYS = 8;
const MAX_KEY_BYTES = 40;

const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? "" : "s"}`;

function keysOf(value: object): string {
  const keys = Object.keys(value);
  if (keys.length === 0) return "an object without keys";
  const shown = keys.slice(0, MAX_KEYS).map((key) => safeText(redactText(key), MAX_KEY_BYTES));
  const more = keys.length > MAX_KEYS ? ` and ${keys.length - MAX_KEYS} more` : "";
  return `an object with the ${keys.length === 1 ? "key" : "keys"} ${shown.join(", ")}${more}`;
}

/**
 * A wrong value as its error names it: its type and the names of its keys. Whoever mixes up two options may have put a
 * key or a token here, so the value itself is not shown, unless it is a number or the like.
 */
export function describeValue(value: unknown): string {
  if (typeof value === "string")
    return value === "" ? "an empty text" : `a text of ${plural(value.length, "character")}`;
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "symbol") return "a symbol";
  if (typeof value === "function") return "a function";
  if (typeof value !== "object" || value === null) return String(value);
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : `a list of ${plural(value.length, "value")}`;
  return keysOf(value);
}
