import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

/** Phrases that a reader must read twice, and what to write in their place. */
const PHRASES: readonly (readonly [RegExp, string])[] = [
  [/\bmend(s|ed|ing)?\b/i, "fix"],
  [/\b(behind|under) (the |its )?requests?\b|\bruns? behind it\b/i, "in the background"],
  [
    /\b(cache|client|session|heading|hop|hook|room|STS client) a (client|pod|region|platform|process|hop|step|test)\b/i,
    "per client",
  ],
  [/\b(calls?|requests?|pods?) a (pod|client)\b/i, "per pod"],
  [/\ba mere\b|\bmerely\b/i, "the default, because nothing is configured"],
  [/\bfor want of\b/i, "when no … is set"],
  [/\b(not|none|cannot|can) (to be|be) had\b|\bto be had\b/i, "missing; cannot be found"],
  [/\bthis very token\b/i, "this token"],
  [/\bNamed after what it becomes\b/i, "Typed as …; at run time it is …"],
  [/\bnobody's concern\b/i, "that failure is ignored"],
  [/\bAsks around\b/i, "Queries all sources for up to …"],
  [/\bturn about\b/i, "in alternating order"],
];

const files = execFileSync("git", ["ls-files", "-z"], { encoding: "utf8" })
  .split("\0")
  .filter((path) => /\.(md|m?ts|mjs|cjs|css|ya?ml|tf|sh|json)$|^\.ci\/run$|Dockerfile$/.test(path))
  .filter((path) => !/^(package-lock\.json$|docs\/reference\/|test\/plain-english\.test\.ts$)/.test(path));

/** The phrases in one text, each with its line. Line ends and the marks of comments do not hide a phrase. */
const foundIn = (text: string): readonly string[] => {
  const flat = text.replace(/\n[ \t]*(\*|\/\/|#|>)?[ \t]*/g, (gap) => gap.replace(/[^\n]/g, "").replace("\n", " "));
  return PHRASES.flatMap(([phrase, better]) => {
    const found = phrase.exec(flat)?.[0];
    return found === undefined ? [] : [`"${found}": ${better}`];
  });
};

describe("plain English", () => {
  it.each([
    "// the commands that\n// mend it",
    " * a refresh behind\n * the requests",
    "one cache a client",
    "the region is a mere default",
    "what is not to be had is left out",
  ])("finds the phrase in %j", (text) => {
    expect(foundIn(text)).toHaveLength(1);
  });

  it("uses none of the phrases that readers stumble over", () => {
    expect(files.length).toBeGreaterThan(200);
    expect(files.flatMap((path) => foundIn(readFileSync(path, "utf8")).map((found) => `${path}: ${found}`))).toEqual(
      [],
    );
  });
});
