export const REPLACEMENT = "[redacted]";
/** What is behind this is never shown: every limit on what is shown is far lower. */
const MAX_CHARACTERS = 20_000;

/** JWTs, Google's access and refresh tokens, AWS session tokens, keys in PEM. */
const TOKENS =
  /eyJ[\w-]{6,}(?:\.[\w-]*)*|\bya29\.[\w.~+/-]*|\b1\/\/0[\w-]{20,}|\b(?:FwoG|FQoG|IQoJ|AQoD)[\w+/=%-]{30,}|-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g;
const NAMES =
  "(?:secret[-_]?(?:access[-_]?)?key|(?:session|security|access|refresh|id|web[-_]?identity|authorization)[-_]?token|client[-_]?secret|private[-_]?key(?:[-_]?id)?|password)";
/** `name=value`, `"name": "value"`, `<name>value</name>`, `Bearer value`. Prose has "the ID token: ...", which stays. */
const FIELDS = new RegExp(
  `(${NAMES}[\\\\"']*\\s*[:=>]\\s*[\\\\"']*|\\btoken(?:[\\\\"']+\\s*:\\s*[\\\\"']*|[=>][\\\\"']*)|\\bBearer\\s+(?=\\S*\\d))[^\\s"'\\\\&<>,;{}()]{6,}`,
  "gi",
);

/** Whether a field of this name holds a secret. */
export const isSecretField = (name: string): boolean =>
  /token$|secret|password|private.?key|api.?key|authorization|cookie/i.test(name);

/**
 * Takes secrets out of a text that is to be shown: tokens and keys by their form, values by the name of their field, then
 * the given `secrets`. Do this before the text is cut: a truncated token no longer matches its pattern.
 */
export function redactText(text: string, secrets: readonly string[] = []): string {
  let shown = text.slice(0, MAX_CHARACTERS).replace(TOKENS, REPLACEMENT).replace(FIELDS, `$1${REPLACEMENT}`);
  for (const secret of secrets.filter(Boolean))
    shown = shown.replaceAll(secret, REPLACEMENT).replaceAll(encodeURIComponent(secret), REPLACEMENT);
  return shown;
}

/**
 * What a terminal or a log viewer acts on or hides: control, bidirectional, zero-width and tag characters, line separators,
 * lone surrogates, and every space but the plain one. See https://www.unicode.org/reports/tr36/
 */
export const UNSAFE = /(?! )[\p{C}\p{Z}\p{Default_Ignorable_Code_Point}\u2800]/gu;

/** `\u202e`; a character above 16 bits is two of them. */
export const escapeUnits = (character: string): string =>
  character.replace(/[\s\S]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);

const SHORT_ESCAPES: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** One line, with every character in sight. A text longer than `maxCharacters` is cut. */
export function safeText(text: string, maxCharacters = Number.POSITIVE_INFINITY): string {
  const shown = text.replace(UNSAFE, (character) => SHORT_ESCAPES[character] ?? escapeUnits(character));
  return shown.length <= maxCharacters
    ? shown
    : `${shown.slice(0, maxCharacters - 1).replace(/ \S{0,20}$|[\ud800-\udbff]$/, "")}…`;
}

/** What no shell gives a meaning to. `=` and `~` have one at the start of a word. */
const PLAIN_WORD = /^[\w@%+:,./-][\w@%+:,./=-]*$/;

/** A text as one word of a POSIX shell: quoted where a shell would read it otherwise. */
export const shellWord = (text: string): string =>
  PLAIN_WORD.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;

/** `--name value`, or `--name=value` where a value with a leading `-` would be read as an option. */
export const shellOption = (name: string, value: string): string =>
  `${name}${value.startsWith("-") ? "=" : " "}${shellWord(value)}`;

/** The known name that is nearest to a mistyped one; undefined where none is near. */
export function nearestName(given: string, known: readonly string[]): string | undefined {
  const ranked = known.map((name) => ({ name, edits: editsBetween(given.toLowerCase(), name.toLowerCase()) }));
  const [nearest] = ranked.sort((a, b) => a.edits - b.edits);
  return nearest && nearest.edits <= Math.max(1, nearest.name.length / 3) ? nearest.name : undefined;
}

/** How many characters must be added, removed or replaced (Levenshtein distance). */
function editsBetween(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (const [place, letter] of [...a].entries()) {
    const next = [place + 1];
    for (let i = 1; i <= b.length; i += 1)
      next[i] = Math.min(Number(row[i - 1]) + Number(letter !== b[i - 1]), Number(row[i]) + 1, Number(next[i - 1]) + 1);
    row = next;
  }
  return row.at(-1) ?? 0;
}
