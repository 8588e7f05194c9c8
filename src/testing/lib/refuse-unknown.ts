/** Refuses an option that a test misspelt. Ignored, it would let the test pass without what it asks for. */
export function refuseUnknownOptions<Options extends object>(
  owner: string,
  given: Options,
  known: readonly (keyof Options & string)[],
): void {
  for (const name of Object.keys(given)) refuseUnknown("option", name, known, ` of ${owner}`);
}

export function refuseUnknown(what: string, name: string, known: readonly string[], ofOwner = ""): void {
  if (known.includes(name)) return;
  const [nearest] = known.toSorted((a, b) => distance(name, a) - distance(name, b));
  const remedy = nearest === undefined ? "It has none." : `Did you mean "${nearest}"?`;
  throw new TypeError(`Unknown ${what} "${name}"${ofOwner}. ${remedy}`);
}

/** How many characters to add, remove or replace, whatever their case (Levenshtein). */
function distance(given: string, known: string): number {
  const [a, b] = [given.toLowerCase(), known.toLowerCase()];
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (const [place, letter] of [...a].entries()) {
    const next = [place + 1];
    for (let i = 1; i <= b.length; i += 1)
      next[i] = Math.min(Number(row[i - 1]) + Number(letter !== b[i - 1]), Number(row[i]) + 1, Number(next[i - 1]) + 1);
    row = next;
  }
  return Number(row.at(-1));
}
