import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { describe, expect, it } from "vitest";

const sources = readdirSync("src", { recursive: true, encoding: "utf8" }).filter((path) => path.endsWith(".ts"));

/** What a file imports or exports from, without its types: names of this repository's files, and packages. */
function dependenciesOf(path: string, { types }: { types: boolean }): string[] {
  const code = readFileSync(`src/${path}`, "utf8").replaceAll(/\/\*[\s\S]*?\*\//g, "");
  const statements = code.matchAll(/^(?:import|export)\s+(type\s+)?(?:[\s\S]*?)\bfrom\s+"([^"]+)"/gm);
  return [...statements].filter(([, type]) => types || !type).map(([, , from = ""]) => from);
}

const ROOMS = ["token/metadata-id-token", "sts/assume-role", "cache/credential-cache"];

/** The parts of the command that walk the rooms one by one, where the provider would run through them. */
const WALKS = ["doctor/diagnosis.ts", "doctor/find-metadata-server.ts", "cli/id-token.ts", "doctor/reach-sts.ts"];

/** What Node has loaded already, or loads in a tenth of a millisecond: importing this package costs next to nothing. */
const QUICK_BUILTINS = ["node:async_hooks", "node:diagnostics_channel", "node:module"];

describe("the architecture", () => {
  it("lets the provider's file alone import the rooms, and doctor, which looks into each", () => {
    for (const path of sources.filter((name) => name !== "from-gke-workload-identity.ts" && !WALKS.includes(name))) {
      const imported = dependenciesOf(path, { types: false }).filter((from) =>
        ROOMS.some((room) => from.endsWith(`/${room}.js`)),
      );
      expect([path, imported]).toEqual([path, []]);
    }
    const composed = dependenciesOf("from-gke-workload-identity.ts", { types: false });
    for (const room of ROOMS) expect(composed).toContain(`./${room}.js`);
  });

  it("keeps the cache free of AWS, Google and everything else", () => {
    expect(dependenciesOf("cache/credential-cache.ts", { types: true })).toEqual([]);
    expect(readFileSync("src/cache/credential-cache.ts", "utf8")).not.toMatch(/import\(|\b(STS|Google|token)\b/);
  });

  it("lets the testing entry point, and the command but for doctor, import the public surface only", () => {
    const allowed = [
      "../index.js",
      "../../index.js",
      "../../package.json",
      "../lib/shell-word.js",
      "../doctor/diagnosis.js",
    ];
    for (const path of sources.filter((name) => /^(cli|testing)\//.test(name) && !WALKS.includes(name))) {
      const outside = dependenciesOf(path, { types: true }).filter(
        (from) => from.startsWith("../") && !/^testing\//.test(normalize(join(dirname(path), from))),
      );
      expect([path, outside.filter((from) => !allowed.includes(from))]).toEqual([path, []]);
    }
  });

  it("loads heavy packages only when they are needed", () => {
    for (const path of sources.filter((name) => !/^(cli|doctor|testing)\//.test(name))) {
      const eager = dependenciesOf(path, { types: false }).filter(
        (from) => !from.startsWith(".") && !QUICK_BUILTINS.includes(from),
      );
      expect([path, eager]).toEqual([path, []]);
    }
  });

  it("exports by name: no export *", () => {
    for (const path of sources) expect(readFileSync(`src/${path}`, "utf8")).not.toMatch(/^export \*/m);
  });

  it("keeps each file small enough to hold one idea", () => {
    for (const path of sources) {
      expect([path, readFileSync(`src/${path}`, "utf8").split("\n").length <= 250]).toEqual([path, true]);
    }
  });
});
