import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { linksOf, pages } from "../support/markdown.js";
import { claimsIn, isMeasured } from "../support/measured-numbers.js";

const RESULTS = "bench/RESULTS.md";
const results = readFileSync(RESULTS, "utf8");
/** Written by programs, or about other things than speed. */
const isProse = (page: string): boolean =>
  !page.startsWith("docs/reference/") && ![RESULTS, "CONTRIBUTING.md", "docs/compatibility.md"].includes(page);

describe("a number in prose", () => {
  it.each([
    ["It is 1.55 times as fast.", ["1.55"]],
    ["| STS down | 0 of 29 requests failed | 28 of its 29 requests |", ["0", "29", "28", "29"]],
    ["- 67 MB and\n  49", ["67", "49"]],
    ["Simulated with 10,000 pods.", ["10000"]],
    ["```sh\nsleep 12 ms\n```\nThe `12 ms` of [12](x-12-ms)", []],
    ["At most 900 ms. It took 3 ms (seen on Kubernetes 1.36.2).", []],
  ])("is found in %j", (page, numbers) => {
    expect(claimsIn(page).flatMap((claim) => claim.numbers)).toEqual(numbers);
  });

  it("is measured when the results have it, rounded or not", () => {
    const table = "| ours | 29 | 0 |\n| janus | 1.546 | 67.3 | 10,000 |";
    const isRight = (page: string) => claimsIn(page).map((claim) => isMeasured(claim, table));
    expect(isRight("0 of 29 requests. 1.55 times as fast. 67 MB and 29. 10,000 pods.")).toEqual([
      true,
      true,
      true,
      true,
    ]);
    expect(isRight("28 of 29 requests. 1.56 times as fast. 67 MB and 28. 1,000 pods.")).toEqual(Array(4).fill(false));
    expect(isRight("67 of 29 requests.")).toEqual([false]);
  });

  it("is in bench/RESULTS.md, and its page links there", () => {
    const claims = pages.filter(isProse).flatMap((page) =>
      claimsIn(readFileSync(page, "utf8")).map((claim) => ({
        page,
        claim,
        isLinked: linksOf(page).some(({ target }) => target === RESULTS),
      })),
    );
    expect(claims.length).toBeGreaterThan(4);
    const wrong = claims.filter(({ claim, isLinked }) => !(isLinked && isMeasured(claim, results)));
    expect(wrong.map(({ page, claim }) => `${page}: ${claim.text}`)).toEqual([]);
  });
});
