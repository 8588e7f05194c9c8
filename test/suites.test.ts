import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import config from "../vitest.config.js";
import { isDeclaration, isProgram, isStale } from "./support/build.js";

const files = readdirSync("test", { recursive: true, encoding: "utf8" }).map((name) => join("test", name));

describe("the unit tests", () => {
  it("run from the sources: none of them names a built file", () => {
    const units = files.filter((path) => path.endsWith(".test.ts") && !path.includes(".slow."));
    const others = /^test\/(package|examples|clients|e2e|docs)\//;
    const named = units.filter(
      (path) => !others.test(path) && path !== "test/suites.test.ts" && readFileSync(path, "utf8").includes('"dist/'),
    );
    expect(named).toEqual([]);
  });
});

describe("the suites", () => {
  it("are all named by a script of package.json, and those by .ci/run", () => {
    const { scripts } = JSON.parse(readFileSync("package.json", "utf8")) as { scripts: Record<string, string> };
    const run = [
      ...Object.values(scripts),
      ...files.filter((path) => path.endsWith("run.sh")).map((path) => readFileSync(path, "utf8")),
    ].join("\n");
    const names = (config as { test: { projects: { test: { name: string } }[] } }).test.projects.map(
      ({ test }) => test.name,
    );
    expect(names.length).toBeGreaterThan(6);
    for (const name of names) expect(run).toMatch(new RegExp(`--project ${name}\\b`));
    const ci = readFileSync(".ci/run", "utf8");
    for (const script of ["npm test", "test:examples", "docs:check", '"test:$1"', "test:matrix"])
      expect(ci).toContain(script);
  });
});

describe("a build", () => {
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "build-"));
    for (const folder of ["src/cli", "dist"]) mkdirSync(join(root, folder), { recursive: true });
    for (const path of ["src/cli/main.ts", "tsup.config.ts", "package.json"]) put(path, 100);
  });
  afterEach(() => rmSync(root, { recursive: true }));

  const put = (path: string, changedAt: number): void => {
    writeFileSync(join(root, path), "");
    utimesSync(join(root, path), changedAt, changedAt);
  };

  it("is stale when there is no program, or one is older than a source", () => {
    expect(isStale(isProgram, root)).toBe(true);
    put("dist/index.d.ts", 200);
    expect(isStale(isProgram, root)).toBe(true);
    put("dist/cli.cjs", 200);
    expect(isStale(isProgram, root)).toBe(false);
    put("dist/index.js", 99);
    expect(isStale(isProgram, root)).toBe(true);
  });

  it.each(["src/cli/main.ts", "tsup.config.ts", "package.json"])("is stale when %s has changed since", (path) => {
    put("dist/cli.cjs", 200);
    put(path, 201);
    expect(isStale(isProgram, root)).toBe(true);
  });

  it("of the types is stale when they are older, or not there, though the programs are new", () => {
    put("dist/cli.cjs", 200);
    expect([isStale(isProgram, root), isStale(isDeclaration, root)]).toEqual([false, true]);
    put("dist/index.d.ts", 99);
    expect([isStale(isProgram, root), isStale(isDeclaration, root)]).toEqual([false, true]);
    put("dist/index.d.ts", 200);
    expect(isStale(isDeclaration, root)).toBe(false);
  });
});
