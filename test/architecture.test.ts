import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { functionsIn } from "./support/functions-in.js";
import { findCycle, importsIn, readImports, withoutComments, wrongImports } from "./support/import-rule.js";

const imports = readImports();
const sources = [...imports.keys()];

/** What Node has loaded already, or loads in a tenth of a millisecond: importing this package costs next to nothing. */
const QUICK_BUILTINS = ["node:async_hooks", "node:diagnostics_channel", "node:module"];
const STATIC_IMPORT = /^(?:import|export)\s+(?!type\b)(?:[\s\S]*?)\bfrom\s+"([^"]+)"/gm;
const MAX_FILE_LINES = 200;
const MAX_FUNCTION_LINES = 50;

describe("the import rule", () => {
  it("lets each file import from its own folder or an earlier one, and testing from index.ts only", () => {
    expect(wrongImports(imports)).toEqual([]);
  });

  it("allows no cycle, types included", () => {
    expect(findCycle(imports)).toBeUndefined();
  });

  it.each([
    ["lib/retry.ts", "errors/error-table.ts"],
    ["token/metadata-id-token.ts", "sts/assume-role.ts"],
    ["cache/credential-cache.ts", "token/metadata-server.ts"],
    ["options/options.ts", "sts/sts-client.ts"],
    ["sts/assume-role.ts", "from-gke-workload-identity.ts"],
    ["index.ts", "doctor/diagnosis.ts"],
    ["doctor/diagnosis.ts", "cli/program.ts"],
    ["testing/lib/faults.ts", "lib/retry.ts"],
    ["testing/lib/faults.ts", "cli/program.ts"],
    ["somewhere-new/file.ts", "lib/retry.ts"],
  ])("reports a wrong import when %s imports %s", (from, to) => {
    const planted = new Map(imports).set(from, [to]);
    expect(wrongImports(planted)).toEqual([`${from} imports ${to}`]);
  });

  it("reports a cycle when two files import each other's types", () => {
    const code = 'import type { Deadline } from "./deadline.js";\nexport type { RetryInit } from "./retry.js";\n';
    expect(importsIn(code)).toEqual(["./deadline.js", "./retry.js"]);
    const planted = new Map(imports)
      .set("lib/deadline.ts", ["lib/retry.ts"])
      .set("lib/retry.ts", ["lib/backoff.ts", "lib/deadline.ts"]);
    expect(findCycle(planted)).toEqual(["lib/deadline.ts", "lib/retry.ts", "lib/deadline.ts"]);
  });

  it("sees imports of every form", () => {
    const code = [
      'import "./a.js";',
      'import {\n  b,\n} from "./b.js";',
      'export * from "./c.js";',
      'const d = await import("./d.js");',
      'const e = require("./e.js");',
      '// import "./f.js";',
      '/* import "./g.js"; */',
    ].join("\n");
    expect(importsIn(code).toSorted()).toEqual(["./a.js", "./b.js", "./c.js", "./d.js", "./e.js"]);
  });
});

describe("the sources", () => {
  it("keep the cache free of AWS and Google", () => {
    for (const path of sources.filter((name) => name.startsWith("cache/"))) {
      expect(readFileSync(`src/${path}`, "utf8")).not.toMatch(/import\(|\b(STS|Google|token)\b/);
    }
  });

  it("load heavy packages only when they are needed", () => {
    for (const path of sources.filter((name) => !/^(cli|doctor|testing)\//.test(name))) {
      const code = withoutComments(readFileSync(`src/${path}`, "utf8"));
      const eager = [...code.matchAll(STATIC_IMPORT)]
        .map(([, from = ""]) => from)
        .filter((from) => !from.startsWith(".") && !QUICK_BUILTINS.includes(from));
      expect([path, eager]).toEqual([path, []]);
    }
  });

  it("export by name: no export *", () => {
    for (const path of sources) expect(readFileSync(`src/${path}`, "utf8")).not.toMatch(/^export \*/m);
  });

  it(`hold one idea each: no file is longer than ${MAX_FILE_LINES} lines`, () => {
    const long = sources.filter((path) => readFileSync(`src/${path}`, "utf8").split("\n").length > MAX_FILE_LINES + 1);
    expect(long).toEqual([]);
  });

  it(`have no function that is longer than ${MAX_FUNCTION_LINES} lines`, () => {
    const long = sources.flatMap((path) =>
      functionsIn(readFileSync(`src/${path}`, "utf8"))
        .filter(({ lines }) => lines > MAX_FUNCTION_LINES)
        .map(({ line, lines }) => `src/${path}:${line} has ${lines} lines`),
    );
    expect(long).toEqual([]);
  });

  it("are measured by function: of every form, from its first line to its last", () => {
    const code = "const a = () => {\n  return 1;\n};\nclass B {\n  c() {}\n}\nexport function d(\n) {\n\n}\n";
    expect(functionsIn(code)).toEqual([
      { line: 1, lines: 3 },
      { line: 5, lines: 1 },
      { line: 7, lines: 4 },
    ]);
  });
});
