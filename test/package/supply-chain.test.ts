import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import manifest from "../../package.json" with { type: "json" };

const run = promisify(execFile);

/** Licences that ask for no more than their own text, which the tarball has for what it bundles. */
const ALLOWED = ["0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT"];

interface Locked {
  readonly dev?: boolean;
  readonly license?: string;
  readonly hasInstallScript?: boolean;
  readonly resolved?: string;
}
const lock = JSON.parse(readFileSync("package-lock.json", "utf8")) as { packages: Record<string, Locked> };
const production = Object.entries(lock.packages).filter(([path, { dev }]) => path !== "" && !dev);

describe("what every user installs", () => {
  it("is under licences that allow it", () => {
    expect(production.length).toBeGreaterThan(20);
    for (const [path, { license = "none" }] of production)
      expect([path, ALLOWED.includes(license)]).toEqual([path, true]);
  });

  it("runs no script at its installation", () => {
    expect(production.filter(([, { hasInstallScript }]) => hasInstallScript)).toEqual([]);
  });

  it("is locked without the name of any registry", () => {
    expect(Object.values(lock.packages).filter(({ resolved }) => resolved)).toEqual([]);
  });

  it("is what the SBOM lists, in CycloneDX", async () => {
    const { stdout } = await run("scripts/sbom.sh");
    const { bomFormat, components } = JSON.parse(stdout) as {
      bomFormat: string;
      components: { name: string; group?: string }[];
    };
    expect(bomFormat).toBe("CycloneDX");
    const names = components.map(({ name, group }) => (group ? `${group}/${name}` : name));
    for (const name of Object.keys(manifest.dependencies)) expect(names).toContain(name);
    expect(names).toHaveLength(production.length);
    expect(names).not.toContain("vitest");
  });

  it("has the licences of what is bundled into the command beside it", () => {
    const texts = readFileSync("dist/THIRD-PARTY-LICENSES.txt", "utf8");
    for (const name of ["@aws-sdk/client-sts", "commander", "gaxios", "gcp-metadata"]) {
      expect(texts).toMatch(
        new RegExp(`^${name} \\d+\\.\\d+\\.\\d+ \\((MIT|Apache-2\\.0)\\), bundled into dist/`, "m"),
      );
    }
    expect(texts).not.toMatch(/\(undefined\)/);
  });
});

describe("the library's code", () => {
  it("is ASCII alone, which Node reads fastest", () => {
    for (const file of ["dist/index.js", "dist/index.cjs"])
      expect(readFileSync(file, "latin1")).not.toMatch(/[\x80-\xff]/);
  });
});
