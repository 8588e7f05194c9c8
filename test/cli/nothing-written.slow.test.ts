import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { expect, it, vi } from "vitest";
import { runNode, startProgram } from "../support/run-node.js";
import { startTwoClouds } from "../support/two-clouds.js";

const CLI = "dist/cli.cjs";

it("writes nothing below TMPDIR and HOME when no command is told to", async () => {
  await using _ = await startTwoClouds();
  const root = await mkdtemp(join(tmpdir(), "nothing-written-"));
  try {
    const env = { TMPDIR: join(root, "tmp"), HOME: join(root, "home"), AWS_REGION: "us-east-1" };
    await Promise.all([mkdir(env.TMPDIR), mkdir(env.HOME)]);
    for (const args of [
      ["credential-process"],
      ["token"],
      ["doctor"],
      ["trust-policy"],
      ["exec", "--", "true"],
      ["--help"],
    ]) {
      const { code, stderr } = await runNode([CLI, ...args], { env });
      expect([args, code, code === 0 ? "" : stderr]).toEqual([args, 0, ""]);
    }
    await using serve = startProgram([CLI, "serve", "--print-token"], { env });
    await vi.waitFor(() => expect(serve.stdout()).toContain("AWS_CONTAINER_AUTHORIZATION_TOKEN"), { timeout: 10_000 });
    serve.child.kill("SIGTERM");
    await serve.done;
    expect((await readdir(root, { recursive: true })).sort()).toEqual(["home", "tmp"]);
  } finally {
    await rm(root, { recursive: true });
  }
});

/** Tells at the end which files were loaded, and the directory of Node's compile cache (Node 22 and newer). */
const TELL_LOADED = `process.on("exit", () => console.error("LOADED " + JSON.stringify({
  files: Object.keys(require.cache),
  cache: require("node:module").getCompileCacheDir?.(),
})));`;

it("loads its own files alone, and no cache", async () => {
  await using _ = await startTwoClouds();
  const root = await mkdtemp(join(tmpdir(), "loaded-"));
  try {
    const hook = join(root, "tell-loaded.cjs");
    await writeFile(hook, TELL_LOADED);
    for (const args of [["credential-process"], ["token"], ["doctor"], ["--help"]]) {
      const { stderr } = await runNode(["-r", hook, CLI, ...args], { env: { TMPDIR: root, AWS_REGION: "us-east-1" } });
      const { files, cache } = JSON.parse(/LOADED (.*)/.exec(stderr)?.[1] ?? "{}");
      expect(files).toContain(resolve(CLI));
      expect([args, files.filter((file: string) => file !== hook && !file.startsWith(resolve("dist")))]).toEqual([
        args,
        [],
      ]);
      expect(cache).toBeUndefined();
    }
    for (const file of (await readdir("dist")).filter((name) => name.endsWith(".cjs")))
      expect([file, await readFile(join("dist", file), "utf8")]).toEqual([
        file,
        expect.not.stringContaining("enableCompileCache"),
      ]);
  } finally {
    await rm(root, { recursive: true });
  }
});
