import { redactText } from "./redact.js";

const MAX_CHARACTERS = 120;

/** Objects inside of objects are not shown: settings hold keys and tokens there. */
function show(value: unknown, isNested: boolean): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "function") return value.name ? `function ${value.name}` : "a function";
  if (typeof value !== "object" || value === null) return String(value);
  if (Array.isArray(value))
    return isNested ? "[…]" : `[${value.map((item) => show(item, Array.isArray(item))).join(", ")}]`;
  if (isNested) return "{…}";
  const entries = Object.entries(value).map(([key, item]) => `${key}: ${show(item, true)}`);
  return entries.length === 0 ? "{}" : `{ ${entries.join(", ")} }`;
}

/** A wrong value as its error names it. Not `util.inspect`: loading that costs a sixth of importing this package. */
export function showValue(value: unknown): string {
  const shown = redactText(show(value, false));
  return shown.length > MAX_CHARACTERS ? `${shown.slice(0, MAX_CHARACTERS)}…` : shown;
}
