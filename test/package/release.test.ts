import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { withAbsoluteLinks } from "../../scripts/release/links.mjs";
import { repositoryAddress, withRepository } from "../../scripts/release/manifest.mjs";
import { notesOf } from "../../scripts/release/notes.mjs";
import { runNode } from "../support/run-node.js";

const run = promisify(execFile);

interface Step {
  readonly run?: string;
  readonly uses?: string;
}
interface Job {
  readonly needs?: string | readonly string[];
  readonly permissions?: Readonly<Record<string, string>>;
  readonly strategy?: { readonly matrix: { readonly node: readonly number[] } };
  readonly steps: readonly Step[];
}
interface Workflow {
  readonly env: { readonly DIGEST: string };
  readonly permissions: Readonly<Record<string, string>>;
  readonly jobs: Readonly<Record<string, Job>>;
}

const textOf = (name: string): Promise<string> => readFile(`.github/workflows/${name}.yml`, "utf8");
const release = await textOf("release");
const { env, jobs, permissions } = parse(release) as Workflow;
const commandsOf = (job: string): string => (jobs[job]?.steps ?? []).map((step) => step.run ?? "").join("\n");

describe("the release's workflow", () => {
  it("publishes, with provenance, the tarball that one job made and the others tested on every Node", () => {
    expect(jobs.test?.strategy?.matrix.node).toEqual([20, 22, 24, 26]);
    expect([jobs.test?.needs, jobs.publish?.needs]).toEqual(["pack", ["pack", "test"]]);
    expect(commandsOf("pack")).toContain("scripts/release/prepare.mjs release");
    expect(commandsOf("test")).toMatch(/^PACKED_TARBALL=.*\.ci\/run test$/m);
    expect(commandsOf("publish")).toMatch(/npm publish \.\/release\/\*\.tgz .*--ignore-scripts --provenance/);
  });

  it("installs and runs nothing in the job that publishes to npm", () => {
    expect(jobs.publish?.steps.map(({ uses, run: command }) => uses?.split("@")[0] ?? command?.split(" ")[0])).toEqual([
      "actions/setup-node",
      "actions/download-artifact",
      "test",
      "npm",
    ]);
    expect(commandsOf("publish")).not.toMatch(/npm (ci|install|run|exec)|npx|node /);
  });

  it("compares the digest of all files before anything else in each job that publishes", () => {
    const publishing = Object.keys(jobs).filter((name) => name !== "pack" && name !== "test");
    expect(publishing).toEqual(["publish", "notes", "image"]);
    for (const name of publishing) {
      const [first] = commandsOf(name).trim().split("\n");
      expect([name, first]).toEqual([name, 'test "$(bash -c "$DIGEST")" = "$SHA256"']);
    }
    expect(commandsOf("pack").trim().split("\n").at(-1)).toBe('echo "sha256=$(bash -c "$DIGEST")" >> "$GITHUB_OUTPUT"');
  });

  it("gets another digest when any file is changed, renamed or added", async () => {
    const directory = await mkdtemp(join(tmpdir(), "digest-"));
    const digest = async () => (await run("bash", ["-c", env.DIGEST], { cwd: directory })).stdout;
    const put = (name: string, text: string) => writeFile(join(directory, "release", name), text);
    await mkdir(join(directory, "release"));
    await put("x-1.0.0.tgz", "tarball");
    await put("Dockerfile", "FROM x");
    const digests = [await digest()];
    expect(digests[0]).toMatch(/^[0-9a-f]{64}\n$/);
    expect(await digest()).toBe(digests[0]);
    await put("Dockerfile", "FROM y");
    digests.push(await digest());
    await put("notes.md", "");
    digests.push(await digest());
    await rename(join(directory, "release/notes.md"), join(directory, "release/note.md"));
    digests.push(await digest());
    expect(new Set(digests).size).toBe(4);
    await rm(directory, { recursive: true });
  });

  it("holds no long-lived token, and gives each job no more permissions than it needs", () => {
    expect(release).not.toMatch(/secrets\.|NODE_AUTH_TOKEN|NPM_TOKEN/);
    expect(permissions).toEqual({ contents: "read" });
    expect(Object.fromEntries(Object.entries(jobs).map(([name, job]) => [name, job.permissions]))).toEqual({
      pack: undefined,
      test: undefined,
      publish: { "id-token": "write" },
      notes: { contents: "write" },
      image: { packages: "write" },
    });
  });

  it("builds the image from the same tarball, on a base that is named with its digest, with provenance", () => {
    const commands = commandsOf("image");
    expect(commands).toMatch(/@sha256:\[0-9a-f\]\{64\}[\s\S]*docker buildx build release/);
    expect(commands).toContain("--provenance mode=max --sbom true");
  });

  it.each(["ci", "release"])("pins each action of %s.yml by a full commit", async (name) => {
    const uses = Object.values((parse(await textOf(name)) as Workflow).jobs).flatMap(({ steps }) =>
      steps.flatMap(({ uses: action }) => action ?? []),
    );
    expect(uses.length).toBeGreaterThan(2);
    for (const action of uses) expect(action).toMatch(/^[\w-]+\/[\w-]+@[0-9a-f]{40}$/);
  });

  it("runs no package's script at its installation", async () => {
    for (const text of [release, await textOf("ci"), await readFile(".ci/run", "utf8")])
      expect(text.match(/npm (ci|install|i)\b(?!.*--ignore-scripts)/)).toBeNull();
  });
});

describe("the sidecar's image", () => {
  it("has no base of its own choice, installs nothing, and runs as an ordinary user", async () => {
    const stages = (await readFile("examples/kubernetes/Dockerfile", "utf8")).replace(/^#.*\n/gm, "").split(/^FROM /m);
    expect(stages[0]?.trim()).toBe("ARG NODE_IMAGE");
    const [, sidecar = "", cli = ""] = stages;
    expect(sidecar).toMatch(/^\$\{NODE_IMAGE\} AS sidecar\n/);
    expect(sidecar).not.toContain("RUN");
    for (const stage of [sidecar, cli]) expect(stage.match(/^USER .*/gm)?.at(-1)).toBe("USER 1000:1000");
  });
});

describe("withRepository", () => {
  it("names the repository that runs the release", () => {
    const address = repositoryAddress({ GITHUB_SERVER_URL: "https://git.example/", GITHUB_REPOSITORY: "team/package" });
    expect(withRepository({ name: "x" }, address)).toEqual({
      name: "x",
      repository: { type: "git", url: "git+https://git.example/team/package.git" },
      homepage: "https://git.example/team/package#readme",
      bugs: { url: "https://git.example/team/package/issues" },
    });
  });

  it("throws when the environment does not name it", () => {
    expect(() => repositoryAddress({ GITHUB_SERVER_URL: "https://git.example" })).toThrow("GITHUB_REPOSITORY");
  });
});

describe("withAbsoluteLinks", () => {
  const linked = (markdown: string): string => withAbsoluteLinks(markdown, "https://git.example/x", "v1.0.0");

  it.each([
    ["[a](docs/a.md#b) [c](./LICENSE)", "[a](BLOB/docs/a.md#b) [c](BLOB/LICENSE)"],
    [
      "[![logo](docs/logo.svg)](docs/a.md)",
      "[![logo](https://git.example/x/raw/v1.0.0/docs/logo.svg)](BLOB/docs/a.md)",
    ],
    ["See [a].\n\n[a]: docs/a.md\n", "See [a].\n\n[a]: BLOB/docs/a.md\n"],
  ])("leads to the tag's file from %j", (markdown, expected) => {
    expect(linked(markdown)).toBe(expected.replaceAll("BLOB", "https://git.example/x/blob/v1.0.0"));
  });

  it.each(["[a](https://a.example/b)", "[a](mailto:a@a.example)", "[a](#b)", "`[a](b)`", "```md\n[a](b)\n```"])(
    "leaves %j as it is",
    (markdown) => {
      expect(linked(markdown)).toBe(markdown);
    },
  );
});

describe("notesOf", () => {
  const changelog = [
    "# Changelog\n",
    "## [Unreleased]\n\n### Added\n\n- Soon.\n",
    "## [1.1.0] - 2026-12-01\n\n### Fixed\n\n- A bug.\n",
    "## 1.1.0-rc.1\n\n- Tried.\n",
    "## [1.0.0]\n\n[1.1.0]: https://git.example/compare\n",
  ].join("\n");

  it("gives the section of one version, without its heading", () => {
    expect(notesOf(changelog, "1.1.0")).toBe("### Fixed\n\n- A bug.\n");
    expect(notesOf(changelog, "1.1.0-rc.1")).toBe("- Tried.\n");
  });

  it.each(["1.0.0", "1.1", "2.0.0"])("throws when the section of %s is missing or empty", (version) => {
    expect(() => notesOf(changelog, version)).toThrow(`no section for ${version}`);
  });
});

describe("scripts/release/prepare.mjs", () => {
  it("makes a tarball that names its repository and whose command needs nothing else, and the notes", async () => {
    const directory = await mkdtemp(join(tmpdir(), "release-"));
    const before = await readFile("package.json", "utf8");
    const changelog = await readFile("CHANGELOG.md", "utf8");
    const { version } = JSON.parse(before) as { version: string };
    // The checkout of a release has a section for its version. This one may not have it yet.
    const checkout = join(directory, "checkout");
    await run("bash", [
      "-c",
      `mkdir -p "$0" && git ls-files -z | grep -zv '^test/' | xargs -0 cp --parents -t "$0" && cp -r dist "$0"`,
      checkout,
    ]);
    await writeFile(join(checkout, "CHANGELOG.md"), changelog.replace("## [Unreleased]", `## [${version}]`));
    const { stdout, stderr, code } = await runNode([resolve("scripts/release/prepare.mjs"), join(directory, "out")], {
      cwd: checkout,
      env: { GITHUB_SERVER_URL: "https://git.example", GITHUB_REPOSITORY: "team/package" },
      limitMs: 60_000,
    });
    expect([code, stderr]).toEqual([0, ""]);
    await run("tar", ["-xzf", stdout.trim(), "-C", directory]);
    const packed = JSON.parse(await readFile(join(directory, "package/package.json"), "utf8"));
    expect(packed).toMatchObject({ version, bugs: { url: "https://git.example/team/package/issues" } });
    expect(await readFile(join(directory, "out/notes.md"), "utf8")).toMatch(/^### /);
    const blob = `https://git.example/team/package/blob/v${version}/`;
    const readme = await readFile(join(directory, "package/README.md"), "utf8");
    const inGit = await readFile("README.md", "utf8");
    expect(readme).toContain(`](${blob}docs/getting-started.md)`);
    expect(readme.replaceAll(`](${blob}`, "](")).toBe(inGit);
    expect(readme.match(/\]\((?![a-z]+:|#)/)).toBeNull();
    const command = await runNode([join(directory, "package/dist/cli.cjs"), "--version"]);
    expect([command.code, command.stdout.trim()]).toEqual([0, version]);
    expect(await readFile("package.json", "utf8")).toBe(before);
    await rm(directory, { recursive: true });
  });
});
