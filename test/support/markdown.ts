import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import GithubSlugger from "github-slugger";

/** Every page that is written: the API reference and those of the site's own machinery are made. */
export const pages: readonly string[] = [
  "README.md",
  "CONTRIBUTING.md",
  "SECURITY.md",
  "CHANGELOG.md",
  "bench/RESULTS.md",
  "examples/README.md",
  ...readdirSync("docs", { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".md") && !name.includes("[") && !/^(reference|\.vitepress)/.test(name))
    .map((name) => join("docs", name))
    .sort(),
];

export interface Block {
  readonly page: string;
  /** The heading that it stands under. */
  readonly heading: string;
  readonly language: string;
  /** What stands in brackets behind the language: a file's name, or a tab's. */
  readonly label: string | undefined;
  readonly code: string;
}

const FENCE = /^( *)(`{3,})([^\n`]*)\n([\s\S]*?)^\1\2$/gm;

/** The page's code blocks, in order; those in lists without their indentation. */
export function blocksOf(page: string): readonly Block[] {
  const text = readFileSync(page, "utf8");
  return [...text.matchAll(FENCE)].map((match) => {
    const [, indent = "", , info = "", code = ""] = match;
    const [, language = "", label] = /^(\S*)(?:\s+\[([^\]]+)\])?/.exec(info.trim()) ?? [];
    const before = text.slice(0, match.index).replace(FENCE, "");
    const heading = [...before.matchAll(/^#+ (.+)$/gm)].at(-1)?.[1] ?? "";
    return { page, heading, language, label, code: code.replaceAll(new RegExp(`^${indent}`, "gm"), "") };
  });
}

/** The page without its code, in which nothing is a link or a heading. */
const prose = (page: string): string =>
  readFileSync(page, "utf8")
    .replace(FENCE, "")
    .replace(/`[^`\n]*`/g, (code) => code.replace(/[[\]()]/g, ""));

export interface Link {
  readonly page: string;
  readonly href: string;
  /** The file or folder it leads to. */
  readonly target: string;
  readonly anchor: string | undefined;
}

/** The page's relative links. */
export const linksOf = (page: string): readonly Link[] =>
  [...prose(page).matchAll(/\]\((?![a-z]+:)([^)\s]+)\)/g)].map(([, href = ""]) => {
    const [path = "", anchor] = href.split("#");
    return { page, href, target: path === "" ? page : normalize(join(dirname(page), path)), anchor };
  });

/** Where links into the page may lead, as GitHub names headings. */
export function anchorsOf(page: string): ReadonlySet<string> {
  const slugger = new GithubSlugger();
  const text = readFileSync(page, "utf8").replace(FENCE, "");
  const headings = [...text.matchAll(/^#{1,6} (.+)$/gm)].map(([, heading = ""]) =>
    slugger.slug(heading.replace(/\[([^\]]*)\]\([^)]*\)/g, "$1").replace(/[`*\\]/g, "")),
  );
  const named = [...text.matchAll(/<a id="([^"]+)">/g)].map(([, id = ""]) => id);
  return new Set([...headings, ...named]);
}
