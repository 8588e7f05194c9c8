import { exec } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { anchorsOf, linksOf } from "../support/markdown.js";
import { type InstalledPackage, installPackage } from "./installed.js";

const run = promisify(exec);

let app: InstalledPackage;
let folder: string;
beforeAll(async () => {
  app = await installPackage();
  folder = join(app.directory, "node_modules/gke-aws-credentials");
});
afterAll(() => app[Symbol.asyncDispose]());

const EXPECTED = [
  /^dist\/[\w-]+\.(js|cjs|d\.ts|d\.cts)$/,
  /^dist\/(THIRD-PARTY-LICENSES\.txt|sbom\.cdx\.json)$/,
  /^docs\/([\w-]+\/)*[\w-]+\.md$/,
  /^docs\/doctor\.schema\.json$/,
  /^examples\/([\w-]+\/)*(Dockerfile|[\w.-]+\.(mjs|cjs|json|md|service|tf|yaml|jq|sh))$/,
  /^bench\/RESULTS\.md$/,
  /^(package\.json|README\.md|LICENSE|CHANGELOG\.md|CONTRIBUTING\.md|SECURITY\.md)$/,
];

describe("the tarball", () => {
  it.each(["publint --strict", "attw"])("gets no complaint of %s", async (command) => {
    await expect(run(`npx ${command} ${inject("tarball")}`)).resolves.toBeDefined();
  });

  it("holds the package, its guides and its examples, and nothing else", () => {
    expect(app.files.filter((path) => !EXPECTED.some((pattern) => pattern.test(path)))).toEqual([]);
    expect(app.files).toEqual(
      expect.arrayContaining([
        ...[
          "dist/index.js",
          "dist/index.cjs",
          "dist/index.d.ts",
          "dist/index.d.cts",
          "dist/testing.js",
          "dist/cli.cjs",
          "dist/THIRD-PARTY-LICENSES.txt",
          "dist/sbom.cdx.json",
        ],
        ...["docs/getting-started.md", "docs/troubleshooting.md", "docs/how-to/tests.md", "examples/README.md"],
      ]),
    );
  });

  it("is imported from one file, which imports parts of Node alone before the first request", () => {
    const code = readFileSync(join(folder, "dist/index.js"), "utf8");
    const imported = [...code.matchAll(/^import\b.* from "(.+)";$/gm)].map(([, name]) => name);
    expect(imported).toContain("node:async_hooks");
    expect(imported.filter((name) => !name?.startsWith("node:"))).toEqual([]);
    expect(code.length).toBeLessThan(120_000);
  });

  it("leaves out what only the site needs", () => {
    expect(
      app.files.filter((path) => /^docs\/(index\.md|project|examples|public|reference|\.vitepress)/.test(path)),
    ).toEqual([]);
  });

  it("has 400 kB at most", () => expect(statSync(inject("tarball")).size).toBeLessThan(400_000));

  it("has a few hundred kilobytes of documentation at most", () => {
    const sizes = app.files
      .filter((path) => !path.startsWith("dist/"))
      .map((path) => statSync(join(folder, path)).size);
    expect(sizes.reduce((sum, size) => sum + size)).toBeLessThan(400_000);
  });

  it("answers each relative link of its pages, and its anchor, with a file of its own", () => {
    const pages = app.files.filter((path) => path.endsWith(".md")).map((path) => join(folder, path));
    const links = pages.flatMap(linksOf);
    expect(links.length).toBeGreaterThan(100);
    const inside = new Set(app.files.map((path) => join(folder, path)));
    const broken = links.filter(
      ({ target, anchor }) => !inside.has(target) || (anchor !== undefined && !anchorsOf(target).has(anchor)),
    );
    expect(broken.map(({ page, href }) => `${page.slice(folder.length + 1)}: ${href}`)).toEqual([]);
  });

  it("names no address but that of the repository that releases it", () => {
    const { repository, homepage, bugs } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    const { GITHUB_SERVER_URL: server, GITHUB_REPOSITORY: name, PACKED_TARBALL: released } = process.env;
    const address = released && `${server}/${name}`;
    expect([repository?.url, homepage, bugs?.url]).toEqual(
      address ? [`git+${address}.git`, `${address}#readme`, `${address}/issues`] : [undefined, undefined, undefined],
    );
  });
});
