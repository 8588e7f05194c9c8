import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import manifest from "../../package.json" with { type: "json" };
import { bundledFolders, licenceTextOf } from "../../scripts/bundle/licences.mjs";
import { sbomOf } from "../../scripts/bundle/sbom.mjs";

/** Licences that ask for no more than their own text, which the tarball has for what it bundles. */
const ALLOWED = ["0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT"];

interface Locked {
  readonly dev?: boolean;
  readonly version?: string;
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
});

interface Sbom {
  readonly bomFormat: string;
  readonly metadata: { readonly component: { readonly name: string; readonly version: string } };
  readonly components: readonly {
    readonly "bom-ref": string;
    readonly properties: readonly { readonly name: string }[];
  }[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn: readonly string[] }[];
}
const sbom = JSON.parse(readFileSync("dist/sbom.cdx.json", "utf8")) as Sbom;
const listed = sbom.components.map((component) => component["bom-ref"]);
const bundled = sbom.components
  .filter(({ properties }) => properties.some(({ name }) => name === "cdx:npm:package:bundled"))
  .map((component) => component["bom-ref"]);

describe("the list of what users get, in CycloneDX", () => {
  it("names this package and its version", () => {
    expect(sbom.bomFormat).toBe("CycloneDX");
    expect(sbom.metadata.component).toMatchObject({ name: manifest.name, version: manifest.version });
  });

  it("has every package that npm installs with it, and of the development packages only what is bundled", () => {
    const installed = production.map(([path, { version }]) => `${path.replace(/^.*node_modules\//, "")}@${version}`);
    expect(installed.filter((ref) => !listed.includes(ref))).toEqual([]);
    expect(listed.filter((ref) => !installed.includes(ref) && !bundled.includes(ref))).toEqual([]);
    expect(listed.some((ref) => ref.startsWith("vitest@"))).toBe(false);
  });

  it("marks what is bundled into the command", () => {
    const names = bundled.map((ref) => ref.replace(/@[^@]+$/, ""));
    expect(names).toEqual(expect.arrayContaining(["@aws-sdk/client-sts", "commander", "gaxios", "https-proxy-agent"]));
    expect(names).not.toContain("google-auth-library");
  });

  it("names in its dependencies only what it lists", () => {
    const known = [...listed, `${manifest.name}@${manifest.version}`];
    const named = sbom.dependencies.flatMap(({ ref, dependsOn }) => [ref, ...dependsOn]);
    expect(named.length).toBeGreaterThan(listed.length);
    expect(named.filter((ref) => !known.includes(ref))).toEqual([]);
  });

  it("throws when npm does not know a bundled package", () => {
    const packages = { name: "x", installed: [], bundled: ["commander@0.0.1"] };
    const whole = { metadata: { component: { "bom-ref": "x@1", name: "folder" } }, components: [], dependencies: [] };
    expect(() => sbomOf(whole, packages)).toThrow("npm sbom does not list commander@0.0.1");
  });
});

describe("the licences of what is bundled", () => {
  it("name each package that is bundled, and have a text for each", () => {
    const [, ...parts] = readFileSync("dist/THIRD-PARTY-LICENSES.txt", "utf8").split(/(?:^|-{80}\n)\n(?=\S+ \d)/m);
    const named = parts.flatMap((part) => {
      const [heads = "", ...text] = part.split("\n\n");
      expect([heads, text.join("").length > 900]).toEqual([heads, true]);
      return heads.split("\n").map((head) => /^(\S+) (\S+) \((\S+)\)$/.exec(head));
    });
    expect(named.map((found) => `${found?.[1]}@${found?.[2]}`).sort()).toEqual([...bundled].sort());
    for (const found of named) expect(ALLOWED).toContain(found?.[3]);
  });

  it("are taken from the package's own files, else from its README", async () => {
    const folder = await mkdtemp(join(tmpdir(), "licence-"));
    await writeFile(join(folder, "license.js"), "code");
    await expect(licenceTextOf(folder)).rejects.toThrow("has no licence text");
    await writeFile(join(folder, "README.md"), "# Name\n\nUse it.\n\n## License\n\nMIT, by us.\n");
    expect(await licenceTextOf(folder)).toBe("## License\n\nMIT, by us.");
    await writeFile(join(folder, "NOTICE"), "A notice.\n");
    await writeFile(join(folder, "LICENSE-MIT.txt"), "The text.\n");
    expect(await licenceTextOf(folder)).toBe("The text.\n\nA notice.");
    await rm(folder, { recursive: true });
  });

  it("are of those packages only of which code is in a bundle", () => {
    const inputs = {
      "src/cli/main.ts": { bytesInOutput: 9 },
      "node_modules/@scope/name/dist/index.js": { bytesInOutput: 5 },
      "node_modules/unused/index.js": { bytesInOutput: 0 },
      "node_modules/outer/node_modules/inner/index.js": { bytesInOutput: 1 },
    };
    expect(bundledFolders({ outputs: { "dist/cli.cjs": { inputs } } })).toEqual([
      "node_modules/@scope/name",
      "node_modules/outer/node_modules/inner",
    ]);
  });
});

describe("the library's code", () => {
  it("is ASCII alone, which Node reads fastest", () => {
    for (const file of ["dist/index.js", "dist/index.cjs"])
      expect(readFileSync(file, "latin1")).not.toMatch(/[\x80-\xff]/);
  });
});
