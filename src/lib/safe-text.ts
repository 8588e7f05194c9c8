/**
 * What a terminal or a log viewer acts on or hides: control characters (C0, DEL, C1), line and paragraph separators,
 * bidirectional, zero-width and tag characters, fillers, lone surrogates, and every space but the plain one.
 *
 * @see https://www.unicode.org/reports/tr36/ (Unicode security considerations)
 */
const UNSAFE = "[\\p{C}\\p{Z}\\p{Default_Ignorable_Code_Point}\\u2800]";
let patterns: { readonly one: RegExp; readonly each: RegExp } | undefined;

/** Made at the first use: reading Unicode properties takes long, and most programs never show such a text. */
function unsafe(): { readonly one: RegExp; readonly each: RegExp } {
  patterns ??= { one: new RegExp(UNSAFE, "u"), each: new RegExp(UNSAFE, "gu") };
  return patterns;
}

const MAX_BMP = 0xffff;
const ELLIPSIS = "…";
const ELLIPSIS_BYTES = 3;
const SHORT_ESCAPES: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** Replaces every unsafe character but the plain space. */
export const replaceUnsafe = (text: string, replacement: (character: string) => string): string =>
  text.replace(unsafe().each, (character) => (character === " " ? character : replacement(character)));

/** `\u202e`, and `\u{e0041}` above 16 bits. */
function escapeCharacter(character: string): string {
  const point = character.codePointAt(0) ?? 0;
  const digits = point.toString(16);
  return SHORT_ESCAPES[character] ?? (point > MAX_BMP ? `\\u{${digits}}` : `\\u${digits.padStart(4, "0")}`);
}

/** One line, with every character in sight. A text longer than `maxBytes` in UTF-8 is cut between two characters. */
export function safeText(text: string, maxBytes = Number.POSITIVE_INFINITY): string {
  const { one } = unsafe();
  let shown = "";
  let fitting = "";
  let bytes = 0;
  for (const character of text) {
    const next = character !== " " && one.test(character) ? escapeCharacter(character) : character;
    bytes += Buffer.byteLength(next);
    if (bytes > maxBytes) return `${fitting}${ELLIPSIS}`;
    shown += next;
    if (bytes <= maxBytes - ELLIPSIS_BYTES) fitting = shown;
  }
  return shown;
}

/** The same for a text of several lines: its line breaks stay. */
export const safeLines = (text: string): string =>
  text
    .split("\n")
    .map((line) => safeText(line))
    .join("\n");

/** `\u202e`; a character above 16 bits is two of them. */
const escapeUnits = (character: string): string =>
  character
    .split("")
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
    .join("");

/** JSON that is safe to print: the same value, with every character in sight. */
export const safeJson = (value: unknown, indent?: number): string =>
  (JSON.stringify(value, null, indent) ?? "null")
    .split("\n")
    .map((line) => replaceUnsafe(line, escapeUnits))
    .join("\n");
