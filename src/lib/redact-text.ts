export const REPLACEMENT = "[redacted]";
/** What is behind this is never shown: every limit on what is shown is far lower. */
const MAX_CHARACTERS = 20_000;
/** So many characters of a secret in a row are enough to know it by: a server may repeat a part of it. */
const FRAGMENT = 16;

const JWT = /eyJ[\w-]{6,}(?:\.[\w-]*)*/g;
/** Google's access tokens (`ya29.`) and refresh tokens (`1//`), AWS session tokens, keys in PEM. */
const TOKENS = [
  JWT,
  /\bya29\.[\w.~+/-]*/g,
  /\b1\/\/0[\w-]{20,}/g,
  /\b(?:FwoG|FQoG|IQoJ|AQoD)[\w+/=%-]{30,}/g,
  /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g,
];
const BEARER = /\b(Bearer\s+)(?=\S*\d)[\w.~+/=-]{12,}/gi;

/** Names of fields that hold a secret, without case, hyphens and underscores. */
const SECRET_FIELDS: ReadonlySet<string> = new Set([
  "accesstoken",
  "apikey",
  "authorization",
  "authorizationtoken",
  "awssecretaccesskey",
  "awssessiontoken",
  "clientsecret",
  "cookie",
  "idtoken",
  "password",
  "privatekey",
  "privatekeyid",
  "proxyauthorization",
  "refreshtoken",
  "secret",
  "secretaccesskey",
  "secretkey",
  "securitytoken",
  "sessiontoken",
  "setcookie",
  "token",
  "webidentitytoken",
  "xamzsecuritytoken",
  "xapikey",
  "xgoogapikey",
]);

/** Whether a field of this name holds a secret. */
export const isSecretField = (name: string): boolean => SECRET_FIELDS.has(name.toLowerCase().replace(/[-_]/g, ""));

const NAMED =
  "(?:secret[-_]?(?:access[-_]?)?key|(?:session|security|access|refresh|id|web[-_]?identity|authorization)[-_]?token|client[-_]?secret|private[-_]?key(?:[-_]?id)?|password)";
const VALUE = "([^\\s\"'&<>,;{}()]{6,})";
/** A quote, also one inside JSON that is itself a text of JSON: `\\"`. */
const QUOTE = "\\\\*[\"']?";
/** `name=value`, `name: value`, `"name": "value"`, `<name>value</name>`, as servers and query strings write them. */
const FIELDS = [
  new RegExp(`(${NAMED}${QUOTE}\\s*[:=>]\\s*${QUOTE})${VALUE}`, "gi"),
  // Prose has "the ID token: ...": alone, the word is a name only in quotes, a query or a tag.
  new RegExp(`(\\btoken(?:\\\\*["']\\s*:\\s*${QUOTE}|[=>]${QUOTE}))${VALUE}`, "gi"),
];

function redactSecret(text: string, secret: string): string {
  let shown = text.replaceAll(secret, REPLACEMENT);
  if (secret.length <= FRAGMENT) return shown;
  const fragments = new Set<string>();
  for (let at = 0; at + FRAGMENT <= secret.length; at += 1) fragments.add(secret.slice(at, at + FRAGMENT));
  for (let at = 0; at + FRAGMENT <= shown.length; at += 1) {
    if (!fragments.has(shown.slice(at, at + FRAGMENT))) continue;
    let end = at + FRAGMENT;
    while (end < shown.length && fragments.has(shown.slice(end - FRAGMENT + 1, end + 1))) end += 1;
    shown = `${shown.slice(0, at)}${REPLACEMENT}${shown.slice(end)}`;
  }
  return shown;
}

/**
 * Takes secrets out of a text that is to be shown: tokens and keys by their form, values by the name of their field, the
 * given `secrets` and long parts of them. Do this before the text is cut: half a token has no form to know it by.
 */
export function redactText(text: string, secrets: readonly string[] = []): string {
  let shown = text.slice(0, MAX_CHARACTERS);
  for (const secret of secrets) {
    if (secret.length === 0) continue;
    shown = redactSecret(shown, secret);
    const encoded = String(new URLSearchParams({ "": secret })).slice(1);
    if (encoded !== secret) shown = redactSecret(shown, encoded);
  }
  for (const form of TOKENS) shown = shown.replace(form, REPLACEMENT);
  for (const form of [BEARER, ...FIELDS]) shown = shown.replace(form, `$1${REPLACEMENT}`);
  return shown;
}
