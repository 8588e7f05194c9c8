/** What no shell gives a meaning to. `=` and `~` have one at the start of a word. */
const PLAIN = /^[\w@%+:,./-][\w@%+:,./=-]*$/;

/** A text as one word of a POSIX shell: quoted where a shell would read it otherwise. */
export const shellWord = (text: string): string => (PLAIN.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);

/** `--name value`, or `--name=value` where a value with a leading `-` would be read as an option. */
export const shellOption = (name: string, value: string): string =>
  `${name}${value.startsWith("-") ? "=" : " "}${shellWord(value)}`;
