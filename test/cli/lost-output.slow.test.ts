import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { runNode } from "../support/run-node.js";
import { startTwoClouds } from "../support/two-clouds.js";

const REGION = ["--region", "us-east-1"];
const hasMounts = spawnSync("unshare", ["--mount", "true"]).status === 0;

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "lost-"));
});
afterEach(() => rm(directory, { recursive: true }));

/** Runs for as long as it is let, and writes to stderr at each failure. */
const commandsIn = (directory: string): Readonly<Record<string, readonly string[]>> => ({
  serve: ["serve", ...REGION, "--token-file", join(directory, "authorization")],
  exec: ["exec", ...REGION, "--", "sleep", "60"],
  "token --watch": ["token", "--watch", "--output-file", join(directory, "token")],
});

const ended = (child: ChildProcess) => new Promise<number | null>((resolve) => child.once("exit", resolve));

describe("a reader of stderr that goes away", () => {
  it.each(Object.keys(commandsIn("")))("does not end %s", async (name) => {
    await using clouds = await startTwoClouds({ sessionSeconds: 6 }, { tokenLifetimeSeconds: 6 });
    const child = spawn(process.execPath, ["dist/cli.cjs", ...commandsIn(directory)[name]!], {
      stdio: ["ignore", "ignore", "pipe"],
      env: process.env,
    });
    const end = ended(child);
    await vi.waitFor(() => expect(clouds.metadata.issuedTokens).not.toEqual([]), { timeout: 10_000 });
    child.stderr?.destroy();
    clouds.metadata.injectFault({ kind: "status", status: 403 }, { times: 2 });
    const asked = clouds.metadata.requests.length;
    // It has failed, written a line that nobody reads, and tried again.
    await vi.waitFor(() => expect(clouds.metadata.requests.length).toBeGreaterThan(asked + 2), { timeout: 25_000 });
    expect(child.exitCode).toBeNull();
    child.kill("SIGTERM");
    expect(await end).toBe(143);
  });

  it("makes credential-process fail when it is stdout", async () => {
    await using _ = await startTwoClouds();
    const child = spawn(process.execPath, ["dist/cli.cjs", "credential-process", ...REGION], {
      stdio: ["ignore", "pipe", "pipe"],
      env: process.env,
    });
    child.stdout?.destroy();
    expect(await ended(child)).toBe(1);
  });
});

describe("a full disk", () => {
  it.runIf(hasMounts)("costs token --watch its lines on stderr, and the file until there is space again", async () => {
    await using _ = await startTwoClouds({}, { tokenLifetimeSeconds: 10 });
    const disk = join(directory, "disk");
    const command = `${process.execPath} dist/cli.cjs token --watch --output-file ${disk}/token 2>> ${disk}/log`;
    const script = `mkdir ${disk} && mount -t tmpfs -o size=64k none ${disk} && : > ${disk}/log
      head -c 65536 /dev/zero > ${disk}/full 2> /dev/null
      ${command} & sleep 4; kill -0 $! && rm ${disk}/full
      for i in $(seq 150); do [ -s ${disk}/token ] && break; sleep 0.1; done
      test -s ${disk}/token && kill $! && wait $!; echo $?`;
    const child = spawn("unshare", ["--mount", "sh", "-c", script], { stdio: ["ignore", "pipe", "inherit"] });
    let said = "";
    child.stdout.on("data", (chunk) => {
      said += chunk;
    });
    await ended(child);
    expect(said).toBe("143\n");
  });

  it("does not end serve, whose lines on stderr are lost", async () => {
    await using clouds = await startTwoClouds({ sessionSeconds: 6 });
    const file = join(directory, "authorization");
    const serve = `${process.execPath} dist/cli.cjs serve ${REGION.join(" ")} --token-file ${file}`;
    const child = spawn("sh", ["-c", `exec ${serve} > /dev/null 2> /dev/full`], { stdio: "ignore", env: process.env });
    const end = ended(child);
    await vi.waitFor(() => expect(clouds.sts.sessionCount()).toBeGreaterThan(2), { timeout: 20_000 });
    expect([child.exitCode, existsSync(file)]).toEqual([null, true]);
    child.kill("SIGTERM");
    expect(await end).toBe(143);
  });
});

describe("a success", () => {
  it("writes nothing to stderr, also where Node warns", async () => {
    await using _ = await startTwoClouds();
    const agent = join(directory, "agent.cjs");
    await writeFile(agent, `setTimeout(() => process.emitWarning("this is old", "DeprecationWarning"), 5);`);
    const env = { NODE_NO_WARNINGS: undefined, NODE_OPTIONS: `--require ${agent}`, AWS_REGION: undefined };
    const { code, stdout, stderr } = await runNode(["dist/cli.cjs", "credential-process"], { env });
    expect([code, stderr]).toEqual([0, ""]);
    expect(JSON.parse(stdout)).toMatchObject({ Version: 1 });
  });
});
