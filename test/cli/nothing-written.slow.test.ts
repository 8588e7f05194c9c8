import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
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
