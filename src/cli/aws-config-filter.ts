/**
 * Keys of an AWS config or credentials file that say who the caller is, or how to find that out. Families rather than
 * names where AWS adds to them: `sso_*`, `login_*`, `credential_*`. All other keys are settings.
 *
 * @see https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html
 */
const CREDENTIAL_KEYS =
  /^(aws_.*|credentials?_.*|role_.*|source_profile|web_identity_.*|external_id|mfa_.*|duration_seconds|sso_.*|login_.*|assume_.*|bearer_.*|.*_(secret|password|token|access_key|secret_key))$/;

const HEADER = /^\s*\[(.+)\]/;
const indentOf = (line: string): number => line.length - line.trimStart().length;
/** Python takes `key: value` too, in upper case as well. */
const keyOf = (line: string): string => (/^[^=:]*/.exec(line)?.[0] ?? "").trim().toLowerCase();
const isCredential = (line: string): boolean => /[=:]/.test(line) && CREDENTIAL_KEYS.test(keyOf(line));
/** Python ends a line at a lone CR too, so a key may follow one. */
const linesOf = (text: string): readonly string[] => text.replace(/^\uFEFF/, "").split(/\r\n|\r|\n/);

/**
 * An AWS config or credentials file without what says who the caller is: profiles, regions, endpoints, `s3` settings and
 * all other settings stay. A line that continues a removed one (it is indented deeper) is removed too, and so are
 * comments, which may hold a key that somebody switched off.
 */
export function withoutCredentials(text: string): string {
  const kept: string[] = [];
  let removedIndent: number | undefined;
  for (const line of linesOf(text)) {
    if (/^\s*([#;]|$)/.test(line)) continue;
    const isContinuation = removedIndent !== undefined && indentOf(line) > removedIndent && !HEADER.test(line);
    if (isContinuation && !isCredential(line)) continue;
    removedIndent = isCredential(line) && !HEADER.test(line) ? indentOf(line) : undefined;
    if (removedIndent === undefined) kept.push(line);
  }
  return kept.map((line) => `${line}\n`).join("");
}

/** Whether a file has something that {@link withoutCredentials} removes, comments aside. */
export const hasCredentials = (text: string): boolean =>
  linesOf(text).some((line) => !/^\s*[#;]/.test(line) && !HEADER.test(line) && isCredential(line));

const PROFILE = /^\s*\[\s*(?:profile\s+)?(["']?)(.+?)\1\s*\]/;

/** The names of the profiles of a config file (`[profile NAME]`, `[default]`) or a credentials file (`[NAME]`). */
export const profilesOf = (text: string): readonly string[] =>
  linesOf(text).flatMap((line) => PROFILE.exec(line)?.[2] ?? []);
