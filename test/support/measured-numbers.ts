/** A number that a page gives as measured, such as `28 of 29 requests` or `1.55 times as fast`. */
export interface Claim {
  readonly text: string;
  /** As written, without thousands separators. */
  readonly numbers: readonly string[];
}

const NUMBER = "\\d[\\d,]*(?:\\.\\d+)?";
const CLAIM = new RegExp(
  `(?<![\\w.,-])(?:${[
    `${NUMBER} of (?:its |the |our )?${NUMBER} (?:requests|calls)`,
    `${NUMBER} times (?:as|in|on|faster|fewer|more)`,
    `${NUMBER} ?% (?:faster|fewer|less|more)`,
    `${NUMBER} ?(?:ms|µs|ns|MB)(?: and ${NUMBER})?`,
    `\\d[\\d,]+ (?:calls|requests|pods)`,
  ].join("|")})\\b`,
  "g",
);
/** A sentence that gives a limit, or says where else a number was seen, gives no number of the benches. */
const OTHER_SOURCE = /\bseen\b|\bat most\b|\bup to\b|\blimit\b|\bwithin\b|\bafter\b/i;

const numbersIn = (text: string): readonly string[] => text.match(new RegExp(NUMBER, "g")) ?? [];
const withoutCommas = (number: string): string => number.replaceAll(",", "");

/** Code, links and front matter hold no claims. Table cells and list items are sentences of their own. */
const sentencesOf = (page: string): readonly string[] =>
  page
    .replace(/^---\n[\s\S]*?\n---\n/, (front) => front.replace(/^\s*(link|icon):.*$/gm, ""))
    .replace(/^( *)(`{3,})[\s\S]*?^\1\2$/gm, "")
    .replace(/`[^`\n]*`/g, "CODE")
    .replace(/\]\([^)]*\)/g, "]")
    .split(/\n\s*\n|\n(?=\s*[-*|] )|\|\s|(?<=[.;])\s+/)
    .map((sentence) => sentence.replace(/\s+/g, " ").trim());

/** The numbers in a page's prose that only a measurement can know. */
export function claimsIn(page: string): readonly Claim[] {
  return sentencesOf(page)
    .filter((sentence) => !OTHER_SOURCE.test(sentence))
    .flatMap((sentence) =>
      [...sentence.matchAll(CLAIM)].map(([text]) => ({ text, numbers: numbersIn(text).map(withoutCommas) })),
    );
}

/** Whether the results have a claim's numbers, exactly or rounded as the claim is; those of `A of B` on one line. */
export function isMeasured({ text, numbers }: Claim, results: string): boolean {
  return (text.includes(" of ") ? results.split("\n") : [results]).some((part) => {
    const measured = numbersIn(part).map((number) => Number(withoutCommas(number)));
    return numbers.every((number) => {
      const decimals = number.split(".")[1]?.length ?? 0;
      return measured.some((value) => value.toFixed(decimals) === number);
    });
  });
}
