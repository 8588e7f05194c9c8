import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";

/** What each file imports: paths inside `src`, and the names of packages. Types count. */
export type Imports = ReadonlyMap<string, readonly string[]>;

/**
 * The folders (and the files at the top) in the order in which they may import each other: from the own folder or an
 * earlier one. Folders in one row never import each other.
 */
const ORDER: readonly (readonly string[])[] = [
  ["lib"],
  ["errors"],
  ["options"],
  ["token", "sts", "cache"],
  ["acquire-session.ts"],
  ["from-gke-workload-identity.ts", "trust-policy.ts"],
  ["index.ts"],
  ["doctor", "testing"],
  ["cli"],
];

const folderOf = (path: string): string => path.split("/")[0] ?? "";
const rankOf = (folder: string): number => ORDER.findIndex((row) => row.includes(folder));

export const withoutComments = (code: string): string =>
  code.replaceAll(/\/\*[\s\S]*?\*\//g, "").replaceAll(/^\s*\/\/.*$/gm, "");

/** The imports in one file's code: static, `export from`, dynamic, and `require`. Comments do not count. */
export function importsIn(code: string): readonly string[] {
  const statements = withoutComments(code).matchAll(
    /(?:^(?:import|export)\b[^;"]*?\bfrom\s*|^import\s*|\bimport\(\s*|\brequire\(\s*)"([^"]+)"/gm,
  );
  return [...statements].map(([, from = ""]) => from);
}

/** Reads `src`. A relative import becomes a path inside `src`. */
export function readImports(root = "src"): Imports {
  const paths = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((path) => path.endsWith(".ts"));
  return new Map(
    paths.map((path) => [
      path,
      importsIn(readFileSync(join(root, path), "utf8")).map((from) =>
        from.startsWith(".") ? normalize(join(dirname(path), from)).replace(/\.js$/, ".ts") : from,
      ),
    ]),
  );
}

/** Each import that breaks the order of the folders, as `FILE imports FILE`. */
export function wrongImports(imports: Imports): readonly string[] {
  const isAllowed = (from: string, to: string): boolean => {
    if (!imports.has(to)) return true;
    const [here, there] = [folderOf(from), folderOf(to)];
    if (here === there) return true;
    if (here === "testing") return to === "index.ts";
    return rankOf(here) !== -1 && rankOf(there) !== -1 && rankOf(there) < rankOf(here);
  };
  return [...imports].flatMap(([from, targets]) =>
    targets.filter((to) => !isAllowed(from, to)).map((to) => `${from} imports ${to}`),
  );
}

/** One cycle, as the files on it, first file repeated at the end; undefined where there is none. */
export function findCycle(imports: Imports): readonly string[] | undefined {
  const finished = new Set<string>();
  const visit = (path: string, trail: readonly string[]): readonly string[] | undefined => {
    if (trail.includes(path)) return [...trail.slice(trail.indexOf(path)), path];
    if (finished.has(path)) return undefined;
    for (const next of imports.get(path) ?? []) {
      const cycle = imports.has(next) ? visit(next, [...trail, path]) : undefined;
      if (cycle) return cycle;
    }
    finished.add(path);
    return undefined;
  };
  for (const path of imports.keys()) {
    const cycle = visit(path, []);
    if (cycle) return cycle;
  }
  return undefined;
}
