import { execFileSync, spawn } from "node:child_process";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { startProgram } from "../support/run-node.js";
import { startTwoClouds } from "../support/two-clouds.js";

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "ending-"));
});
afterEach(() => rm(directory, { recursive: true }));

const REGION = ["--region", "us-east-1"];
const commandsIn = (directory: string): Readonly<Record<string, readonly string[]>> => ({
  "credential-process": ["credential-process", ...REGION],
  token: ["token"],
  "token --watch": ["token", "--watch", "--output-file", join(directory, "token")],
  serve: ["serve", ...REGION, "--token-file", join(directory, "authorization")],
  exec: ["exec", ...REGION, "--", "true"],
  doctor: ["doctor", ...REGION],
  "trust-policy": ["trust-policy"],
});
const NAMES = Object.keys(commandsIn(""));
const CODES = { SIGTERM: 143, SIGINT: 130, SIGHUP: 129 } as const;
const can = (file: string, args: readonly string[]): boolean => {
  try {
    execFileSync(file, args, { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
};
/** Process 1 of a process namespace of its own; `unshare` itself waits outside. */
const AS_INIT = ["--pid", "--fork", "--mount-proc"];
const hasNamespaces = can("unshare", [...AS_INIT, "true"]);

/** The program inside an `unshare` that runs it as process 1. */
async function processIn(unshare: number): Promise<number> {
  return vi.waitFor(() => Number(execFileSync("ps", ["-o", "pid=", "--ppid", String(unshare)]).toString()), 5_000);
}

describe("while the metadata server hangs", () => {
  it.each(["credential-process", "serve", "exec"])(
    "%s ends within a second of a signal, with a shell's code for it",
    async (name) => {
      await using clouds = await startTwoClouds();
      clouds.metadata.injectFault({ kind: "hang" });
      // SIGHUP makes serve get new sessions.
      for (const signal of ["SIGTERM", "SIGINT", ...(name === "serve" ? [] : (["SIGHUP"] as const))] as const) {
        const before = clouds.metadata.requests.length;
        await using program = startProgram(["dist/cli.cjs", ...commandsIn(directory)[name]!]);
        await vi.waitFor(() => expect(clouds.metadata.requests.length).toBeGreaterThan(before), { timeout: 10_000 });
        const start = performance.now();
        program.child.kill(signal);
        expect((await program.done).code).toBe(CODES[signal]);
        expect(performance.now() - start).toBeLessThan(1_000);
      }
      expect(await readdir(directory)).toEqual([]);
    },
  );

  it.runIf(hasNamespaces).each(NAMES)("%s ends within a second of SIGTERM as process 1 too", async (name) => {
    await using clouds = await startTwoClouds();
    clouds.metadata.injectFault({ kind: "hang" });
    const child = spawn("unshare", [...AS_INIT, process.execPath, "dist/cli.cjs", ...commandsIn(directory)[name]!]);
    const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
    await vi.waitFor(() => expect(clouds.metadata.requests).not.toEqual([]), { timeout: 10_000 });
    const start = performance.now();
    process.kill(await processIn(child.pid!), "SIGTERM");
    expect(await ended).toBe(143);
    expect(performance.now() - start).toBeLessThan(1_000);
    expect(await readdir(directory)).toEqual([]);
  });
});

describe("exec", () => {
  it("ends within a second of its command, with its code, while a refresh hangs", async () => {
    await using clouds = await startTwoClouds({ sessionSeconds: 12 });
    // The first session is there; its refresh, which begins after some seconds, hangs.
    const script = `echo up; while [ ! -e ${directory}/go ]; do sleep 0.1; done; exit 5`;
    await using program = startProgram(["dist/cli.cjs", "exec", ...REGION, "--", "sh", "-c", script], {
      limitMs: 25_000,
    });
    await vi.waitFor(() => expect(program.stdout()).toBe("up\n"), { timeout: 10_000 });
    clouds.metadata.injectFault({ kind: "hang" });
    await vi.waitFor(() => expect(clouds.metadata.requests.at(-1)?.status).toBe("hang"), { timeout: 15_000 });
    execFileSync("touch", [join(directory, "go")]);
    const start = performance.now();
    expect((await program.done).code).toBe(5);
    expect(performance.now() - start).toBeLessThan(1_000);
  });

  it("ends within a second of its command while a client keeps its connection open", async () => {
    await using _ = await startTwoClouds();
    const url = "$AWS_CONTAINER_CREDENTIALS_FULL_URI";
    const client = `const u = new URL(process.argv[1]); require("net").connect(u.port, u.hostname).on("error", () => {}); setTimeout(() => process.exit(4), 3000)`;
    const script = `${process.execPath} -e '${client}' ${url} & echo up; sleep 0.5; exit 6`;
    await using program = startProgram(["dist/cli.cjs", "exec", ...REGION, "--", "sh", "-c", script], {
      limitMs: 10_000,
    });
    await vi.waitFor(() => expect(program.stdout()).toBe("up\n"), { timeout: 10_000 });
    const start = performance.now();
    const code = await new Promise((resolve) => program.child.once("exit", resolve));
    expect(code).toBe(6);
    expect(performance.now() - start).toBeLessThan(1_500);
  });

  it.runIf(hasNamespaces).each([
    ["with its command's exit code", "exit 7", 7],
    ["without waiting for the processes that its command leaves behind", "sleep 1000 & exit 0", 0],
  ])("ends %s as process 1", async (_, script, expected) => {
    await using _clouds = await startTwoClouds();
    const args = [...AS_INIT, process.execPath, "dist/cli.cjs", "exec", ...REGION, "--", "sh", "-c", script];
    const child = spawn("unshare", args, { stdio: "inherit" });
    expect(await new Promise((resolve) => child.once("exit", resolve))).toBe(expected);
  });

  it.runIf(hasNamespaces)("passes SIGTERM on, and waits for the command's own end, as process 1", async () => {
    await using _ = await startTwoClouds();
    const script = `trap 'exit 9' TERM; touch ${directory}/ready; while :; do sleep 0.05; done`;
    const args = [...AS_INIT, process.execPath, "dist/cli.cjs", "exec", ...REGION, "--", "bash", "-c", script];
    const child = spawn("unshare", args, { stdio: "inherit" });
    const ended = new Promise((resolve) => child.once("exit", resolve));
    await vi.waitFor(async () => expect(await readdir(directory)).toEqual(["ready"]), { timeout: 10_000 });
    process.kill(await processIn(child.pid!), "SIGTERM");
    expect(await ended).toBe(9);
  });

  it.runIf(hasNamespaces)("leaves no zombie of 20 orphans under an init", async () => {
    await using _ = await startTwoClouds();
    // Bash as process 1 collects orphans, as tini and the pause container of a shared process namespace do.
    const orphans = `for i in $(seq 20); do (sh -c "sleep 0.2 & exit 0" &); done; sleep 1; ps -eo stat= | grep -c "^Z"; exit 3`;
    const init = `${process.execPath} dist/cli.cjs exec ${REGION.join(" ")} -- sh -c '${orphans}' & wait $!`;
    const child = spawn("unshare", [...AS_INIT, "bash", "-c", init], { stdio: ["ignore", "pipe", "inherit"] });
    let stdout = "";
    child.stdout.on("data", (chunk) => {
      stdout += chunk;
    });
    expect(await new Promise((resolve) => child.once("close", resolve))).toBe(3);
    expect(stdout.trim()).toBe("0");
  });
});

describe("serve --drain-seconds", () => {
  it("goes on answering after SIGTERM, and keeps its token's file to the end", async () => {
    await using _ = await startTwoClouds();
    const file = join(directory, "authorization");
    const flags = [...REGION, "--token-file", file, "--drain-seconds", "2"];
    await using program = startProgram(["dist/cli.cjs", "serve", ...flags]);
    await vi.waitFor(() => expect(program.stdout()).toContain(file), { timeout: 10_000 });
    const uri = /FULL_URI=(.*)/.exec(program.stdout())?.[1] ?? "";
    const start = performance.now();
    program.child.kill("SIGTERM");
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect(await readdir(directory)).toEqual(["authorization"]);
    expect((await fetch(uri.replace(/\/$/, "/healthz"))).status).toBe(200);
    expect((await program.done).code).toBe(143);
    expect(performance.now() - start).toBeGreaterThan(1_900);
    expect(await readdir(directory)).toEqual([]);
  });

  it("ends at once at a second signal, without its token's file", async () => {
    await using _ = await startTwoClouds();
    const file = join(directory, "authorization");
    const flags = [...REGION, "--token-file", file, "--drain-seconds", "600"];
    await using program = startProgram(["dist/cli.cjs", "serve", ...flags]);
    await vi.waitFor(() => expect(program.stdout()).toContain(file), { timeout: 10_000 });
    program.child.kill("SIGTERM");
    await new Promise((resolve) => setTimeout(resolve, 300));
    const start = performance.now();
    program.child.kill("SIGTERM");
    expect((await program.done).code).toBe(143);
    expect(performance.now() - start).toBeLessThan(1_000);
    expect(await readdir(directory)).toEqual([]);
  });
});
