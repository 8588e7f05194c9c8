import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { findCycle, importsIn, readImports, withoutComments, wrongImports } from "./support/import-rule.js";

const imports = readImports();
const sources = [...imports.keys()];

/** What Node has loaded already, or loads in a tenth of a millisecond: importing this package costs next to nothing. */
const QUICK_BUILTINS = ["node:async_hooks", "node:diagnostics_channel", "node:fs", "node:module"];
const STATIC_IMPORT = /^(?:import|export)\s+(?!type\b)(?:[\s\S]*?)\bfrom\s+"([^"]+)"/gm;

describe("the import rule", () => {
  it("lets each file import from its own folder or an earlier one, and testing from index.ts only", () => {
    expect(wrongImports(imports)).toEqual([]);
  });

  it("allows no cycle, types included", () => {
    expect(findCycle(imports)).toBeUndefined();
  });

  it.each([
    ["lib/time.ts", "errors/error-table.ts"],
    ["token/metadata.ts", "sts/assume-role.ts"],
    ["cache/credential-cache.ts", "token/metadata.ts"],
    ["options/options.ts", "sts/sts-client.ts"],
    ["sts/assume-role.ts", "from-gke-workload-identity.ts"],
    ["index.ts", "doctor/diagnosis.ts"],
    ["doctor/diagnosis.ts", "cli/program.ts"],
    ["testing/lib/faults.ts", "lib/time.ts"],
    ["testing/lib/faults.ts", "cli/program.ts"],
    ["somewhere-new/file.ts", "lib/time.ts"],
  ])("reports a wrong import when %s imports %s", (from, to) => {
    const planted = new Map(imports).set(from, [to]);
    expect(wrongImports(planted)).toEqual([`${from} imports ${to}`]);
  });

  it("reports a cycle when two files import each other's types", () => {
    const code = 'import type { Deadline } from "./time.js";\nexport type { Redact } from "./text.js";\n';
    expect(importsIn(code)).toEqual(["./time.js", "./text.js"]);
    const planted = new Map(imports)
      .set("lib/text.ts", ["lib/failure.ts"])
      .set("lib/failure.ts", ["lib/sts-limits.ts", "lib/text.ts"]);
    expect(findCycle(planted)).toEqual(["lib/failure.ts", "lib/text.ts", "lib/failure.ts"]);
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
});
