import { execFile } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runNode } from "../support/run-node.js";
import { type InstalledPackage, installPackage } from "./installed.js";

const docs = readdirSync("docs").filter((name) => name.endsWith(".md"));
const pages = [
  "README.md",
  "CONTRIBUTING.md",
  "SECURITY.md",
  "CHANGELOG.md",
  ...docs.map((name) => join("docs", name)),
];

let app: InstalledPackage;
beforeAll(async () => {
  app = await installPackage();
});
afterAll(() => app[Symbol.asyncDispose]());

const blocksOf = (page: string, language: string): string[] =>
  [...readFileSync(page, "utf8").matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, "gm"))].map(
    ([, code]) => code ?? "",
  );

describe("the documentation", () => {
  it("compiles: every TypeScript block, against the installed tarball", async () => {
    const files: string[] = [];
    for (const page of pages) {
      for (const [index, code] of blocksOf(page, "ts").entries()) {
        files.push(await app.write(join("docs", `${page.replace(/\W/g, "-")}-${index}.mts`), `${code}\nexport {};\n`));
      }
    }
    expect(files.length).toBeGreaterThan(4);
    expect(await app.compile(files, "nodenext")).toBe("");
  });

  it("runs: the examples of docs/testing.md print what they say", async () => {
    const outputs = [];
    for (const [index, code] of blocksOf("docs/testing.md", "ts").entries()) {
      const file = await app.write(`testing-${index}.mjs`, code);
      outputs.push((await runNode([file])).stdout);
    }
    expect(outputs).toEqual([
      "1\nSTS_ACCESS_DENIED\n",
      expect.stringMatching(/^arn:aws:sts::123456789012:assumed-role\/reader\//),
    ]);
  });

  it("has shell blocks that a shell can read", async () => {
    const blocks = pages.flatMap((page) => blocksOf(page, "sh"));
    expect(blocks.length).toBeGreaterThan(12);
    for (const block of blocks) expect(await promisify(execFile)("bash", ["-n", "-c", block])).toBeDefined();
  });

  it("leads somewhere: every relative link", () => {
    for (const page of pages) {
      for (const [, target = ""] of readFileSync(page, "utf8").matchAll(/\]\((?!https?:)([^)#]+)/g)) {
        expect(existsSync(join(dirname(page), target)), `${page}: ${target}`).toBe(true);
      }
    }
  });

  it("lists every option in the README's table", () => {
    const declared = readFileSync("src/options.ts", "utf8")
      .split("export interface FromGkeWorkloadIdentityInit")[1]!
      .split("\n}")[0]!;
    const options = [...declared.matchAll(/^ {2}(\w+)\?:/gm)].map(([, name]) => name);
    expect(options).toHaveLength(16);
    const readme = readFileSync("README.md", "utf8");
    for (const option of options) expect(readme).toContain(`\`${option}\``);
  });
});
