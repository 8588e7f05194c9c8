/** The names of all options of a function. */
export type Names<Options> = { readonly [name in keyof Required<Options>]: true };

/** Refuses an option that a test misspelt. Ignored, it would let the test pass without what it asks for. */
export function refuseUnknownOptions(owner: string, given: object, known: object): void {
  for (const name of Object.keys(given)) refuseUnknown("option", name, known, ` of ${owner}`);
}

/** @param known - Its own properties are the known names. */
export function refuseUnknown(what: string, name: string, known: object, ofOwner = ""): void {
  const names = Object.keys(known);
  if (names.includes(name)) return;
  const [nearest] = names.sort((a, b) => distance(name, a) - distance(name, b));
  const remedy = nearest === undefined ? "It has none." : `Did you mean "${nearest}"?`;
  throw new TypeError(`Unknown ${what} "${name}"${ofOwner}. ${remedy}`);
}

/** How many characters to add, remove or replace, whatever their case (Levenshtein). */
function distance(a: string, b: string): number {
  const [from, to] = [[...a.toLowerCase()], [...b.toLowerCase()]];
  let row = [...to, ""].map((_, index) => index);
  const at = (cells: readonly number[], place: number): number => cells[place] ?? 0;
  for (const [index, character] of from.entries()) {
    const next = [index + 1];
    for (const [place, other] of to.entries()) {
      const replaced = at(row, place) + Number(character !== other);
      next.push(Math.min(replaced, at(row, place + 1) + 1, at(next, place) + 1));
    }
    row = next;
  }
  return at(row, to.length);
}
