import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";

const filesIn = (folder: string): readonly string[] =>
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile());

const changedAt = (path: string): number => statSync(path).mtimeMs;

/** Whether a source is newer than the oldest of the built files that `isMeant` names. */
export function isStale(isMeant: (path: string) => boolean, root = "."): boolean {
  const dist = join(root, "dist");
  const built = existsSync(dist) ? filesIn(dist).filter(isMeant) : [];
  const sources = [...filesIn(join(root, "src")), join(root, "tsup.config.ts"), join(root, "package.json")];
  return built.length === 0 || Math.max(...sources.map(changedAt)) > Math.min(...built.map(changedAt));
}

export const isProgram = (path: string): boolean => /\.c?js$/.test(path);
export const isDeclaration = (path: string): boolean => /\.d\.c?ts$/.test(path);

/** For tests that start the built program: makes it again when a source is newer. Type declarations stay as they are. */
export function buildPrograms(): void {
  if (!isStale(isProgram)) return;
  if (existsSync("dist")) for (const path of filesIn("dist").filter(isProgram)) rmSync(path);
  execFileSync("npx", ["tsup", "--no-dts", "--silent"], { stdio: "inherit" });
}

/** For tests of the whole package: makes everything again when a source is newer. */
export function buildPackage(): void {
  if (isStale(isProgram) || isStale(isDeclaration))
    execFileSync("npm", ["run", "build", "--silent"], { stdio: "inherit" });
}
