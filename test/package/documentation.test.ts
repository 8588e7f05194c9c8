import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseDocument } from "yaml";
import { anchorsOf, type Block, blocksOf, linksOf, pages } from "../support/markdown.js";
import { runNode } from "../support/run-node.js";
import { type InstalledPackage, installPackage } from "./installed.js";

const blocks = pages.flatMap(blocksOf);
/** Its snippets need libraries of others, and are compiled and run by the suite `libraries`. */
const LIBRARIES = "docs/how-to/libraries.md";
const inLanguage = (...languages: readonly string[]): readonly Block[] =>
  blocks.filter(({ page, language }) => page !== LIBRARIES && languages.includes(language));

const SUFFIXES: Readonly<Record<string, string>> = { ts: ".mts", js: ".mjs" };

let app: InstalledPackage;
beforeAll(async () => {
  app = await installPackage();
});
afterAll(() => app[Symbol.asyncDispose]());

describe("the documentation", () => {
  it("compiles: every TypeScript and JavaScript block, against the installed tarball", async () => {
    const files = await Promise.all(
      inLanguage("ts", "js").map(({ page, language, label, code }, index) => {
        // A block with a file's name is imported by others of its page under that name.
        const name = label ?? `block-${index}${SUFFIXES[language]}`;
        return app.write(join("docs", page.replace(/\W/g, "-"), name), `${code}\nexport {};\n`);
      }),
    );
    expect(files.length).toBeGreaterThan(20);
    const flags = ["--allowJs", "--checkJs", "--lib", "es2023,esnext.disposable"];
    expect(await app.compile(files, "nodenext", flags)).toBe("");
  });

  it("names its code by languages that are checked", () => {
    const known = ["ts", "js", "sh", "json", "yaml", "hcl", "docker", "text", "ini", "mermaid"];
    expect(blocks.filter(({ language }) => !known.includes(language))).toEqual([]);
  });

  it("runs: the projected token of docs/how-to/tests.md ends as the page says", async () => {
    const [block] = blocksOf("docs/how-to/tests.md").filter(({ heading }) => heading === "With a projected token");
    const { stdout } = await runNode([await app.write("projected-token.mjs", block!.code)]);
    expect(stdout).toBe("123456789012\nWEB_IDENTITY_TOKEN_FILE_EXPIRED\n");
  });

  it("runs: the tests of docs/how-to/tests.md pass", async () => {
    const named = blocksOf("docs/how-to/tests.md").filter(({ label }) => label !== undefined);
    for (const { label, code } of named) await app.write(join("tests", label!), code);
    const { code, stdout } = await runNode(["--test", "tests/"], { cwd: app.directory });
    expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringMatching(/pass 4\n/) });
  });

  it("has shell blocks that a shell can read, JSON that is JSON, and YAML that is YAML", async () => {
    const shell = inLanguage("sh");
    expect(shell.length).toBeGreaterThan(40);
    for (const { code } of shell) expect(await promisify(execFile)("bash", ["-n", "-c", code])).toBeDefined();
    for (const { code } of inLanguage("json")) expect(() => JSON.parse(code)).not.toThrow();
    for (const { code } of inLanguage("yaml")) expect(parseDocument(code).errors).toEqual([]);
  });

  it("leads somewhere: every relative link, and its anchor", () => {
    const links = pages.flatMap(linksOf);
    expect(links.length).toBeGreaterThan(100);
    const broken = links.filter(({ target, anchor }) => {
      if (!existsSync(target)) return true;
      return anchor !== undefined && !anchorsOf(target).has(anchor);
    });
    expect(broken.map(({ page, href }) => `${page}: ${href}`)).toEqual([]);
  });
});
