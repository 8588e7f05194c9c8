import { spawnSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { describe, expect, it, vi } from "vitest";
import { runCommand, startCommand } from "../support/run-node.js";
import { startTwoClouds } from "../support/two-clouds.js";
import { useDirectory } from "../support/use-directory.js";

const path = useDirectory();
const REGION = ["--region", "us-east-1"];
const hasMounts = spawnSync("unshare", ["--mount", "true"]).status === 0;

/** Runs for as long as it is let, and writes to stderr at each failure. */
const COMMANDS: Readonly<Record<string, () => readonly string[]>> = {
  serve: () => ["serve", ...REGION, "--token-file", path("authorization")],
  exec: () => ["exec", ...REGION, "--", "sleep", "60"],
  "token --watch": () => ["token", "--watch", "--output-file", path("token")],
};

describe("a reader of stderr that goes away", () => {
  it.each(Object.keys(COMMANDS))("does not end %s", async (name) => {
    await using clouds = await startTwoClouds({ sessionSeconds: 6 }, { tokenLifetimeSeconds: 6 });
    await using program = startCommand(COMMANDS[name]!(), { limitMs: 40_000 });
    await vi.waitFor(() => expect(clouds.metadata.issuedTokens).not.toEqual([]), { timeout: 10_000 });
    program.child.stderr?.destroy();
    clouds.metadata.injectFault({ kind: "status", status: 403 }, { times: 2 });
    const asked = clouds.metadata.requests.length;
    // It has failed, written a line that nobody reads, and tried again.
    await vi.waitFor(() => expect(clouds.metadata.requests.length).toBeGreaterThan(asked + 2), { timeout: 25_000 });
    expect(program.child.exitCode).toBeNull();
    program.child.kill("SIGTERM");
    expect((await program.done).code).toBe(143);
  });

  it("makes credential-process fail when it is stdout", async () => {
    await using _ = await startTwoClouds();
    await using program = startCommand(["credential-process", ...REGION]);
    program.child.stdout?.destroy();
    expect((await program.done).code).toBe(1);
  });
});

describe("a full disk", () => {
  it.runIf(hasMounts)("costs token --watch its lines on stderr, and the file until there is space again", async () => {
    await using _ = await startTwoClouds({}, { tokenLifetimeSeconds: 10 });
    const disk = path("disk");
    const script = `mkdir ${disk} && mount -t tmpfs -o size=64k none ${disk} && : > ${disk}/log
      head -c 65536 /dev/zero > ${disk}/full 2> /dev/null
      "$0" "$@" 2>> ${disk}/log & sleep 4; kill -0 $! && rm ${disk}/full
      for i in $(seq 150); do [ -s ${disk}/token ] && break; sleep 0.1; done
      test -s ${disk}/token && kill $! && wait $!`;
    const args = ["token", "--watch", "--output-file", `${disk}/token`];
    const { code } = await runCommand(args, { under: ["unshare", "--mount", "sh", "-c", script], limitMs: 25_000 });
    expect(code).toBe(143);
  });

  it("does not end serve, whose lines on stderr are lost", async () => {
    await using clouds = await startTwoClouds({ sessionSeconds: 6 });
    const under = ["sh", "-c", 'exec "$0" "$@" 2> /dev/full'];
    await using program = startCommand(COMMANDS.serve!(), { under, limitMs: 25_000 });
    await vi.waitFor(() => expect(clouds.sts.sessionCount()).toBeGreaterThan(2), { timeout: 20_000 });
    expect([program.child.exitCode, existsSync(path("authorization"))]).toEqual([null, true]);
    program.child.kill("SIGTERM");
    expect((await program.done).code).toBe(143);
  });
});

describe("a success", () => {
  it("writes nothing to stderr, also where Node warns", async () => {
    await using _ = await startTwoClouds();
    writeFileSync(path("agent.cjs"), `setTimeout(() => process.emitWarning("old", "DeprecationWarning"), 5);`);
    const env = { NODE_NO_WARNINGS: undefined, NODE_OPTIONS: `--require ${path("agent.cjs")}`, AWS_REGION: undefined };
    const { code, stdout, stderr } = await runCommand(["credential-process"], { env });
    expect([code, stderr]).toEqual([0, ""]);
    expect(JSON.parse(stdout)).toMatchObject({ Version: 1 });
  });
});
