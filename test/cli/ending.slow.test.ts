import { execFileSync, spawnSync } from "node:child_process";
import { readdirSync, writeFileSync } from "node:fs";
import { describe, expect, it, vi } from "vitest";
import { type RunningProgram, runCommand, startCommand } from "../support/run-node.js";
import { startTwoClouds } from "../support/two-clouds.js";
import { useDirectory } from "../support/use-directory.js";

const path = useDirectory();
const files = () => readdirSync(path());
const REGION = ["--region", "us-east-1"];
const EXEC = ["exec", ...REGION, "--"];
const COMMANDS: Readonly<Record<string, () => readonly string[]>> = {
  "credential-process": () => ["credential-process", ...REGION],
  token: () => ["token"],
  "token --watch": () => ["token", "--watch", "--output-file", path("token")],
  serve: () => ["serve", ...REGION, "--token-file", path("authorization")],
  exec: () => [...EXEC, "true"],
  doctor: () => ["doctor", ...REGION],
  "trust-policy": () => ["trust-policy"],
};
const CODES = { SIGTERM: 143, SIGINT: 130, SIGHUP: 129 } as const;
/** Runs a program as process 1 of a process namespace of its own; `unshare` itself waits outside. */
const AS_INIT = ["unshare", "--pid", "--fork", "--mount-proc"];
const hasNamespaces = spawnSync(AS_INIT[0]!, [...AS_INIT.slice(1), "true"]).status === 0;

/** Sends a signal to the program that `unshare` runs as process 1. */
const signalInit = ({ child }: RunningProgram, signal: NodeJS.Signals): Promise<true> =>
  vi.waitFor(
    () => process.kill(Number(execFileSync("ps", ["-o", "pid=", "--ppid", String(child.pid)]).toString()), signal),
    5_000,
  );

/** The exit code of a program that must end this fast. */
async function codeWithin(ms: number, { child }: RunningProgram): Promise<number | null> {
  const start = performance.now();
  const code = child.exitCode ?? (await new Promise<number | null>((resolve) => child.once("exit", resolve)));
  expect(performance.now() - start).toBeLessThan(ms);
  return code;
}

describe("while the metadata server hangs", () => {
  it.each<[name: string, signals: readonly (keyof typeof CODES)[]]>([
    ["credential-process", ["SIGTERM", "SIGINT", "SIGHUP"]],
    // SIGHUP makes serve get new sessions.
    ["serve", ["SIGTERM", "SIGINT"]],
    ["exec", ["SIGTERM", "SIGINT", "SIGHUP"]],
  ])("%s ends within a second of a signal, with a shell's code for it", async (name, signals) => {
    await using clouds = await startTwoClouds();
    clouds.metadata.injectFault({ kind: "hang" });
    for (const signal of signals) {
      const before = clouds.metadata.requests.length;
      await using program = startCommand(COMMANDS[name]!());
      await vi.waitFor(() => expect(clouds.metadata.requests.length).toBeGreaterThan(before), { timeout: 10_000 });
      program.child.kill(signal);
      expect(await codeWithin(1_000, program)).toBe(CODES[signal]);
    }
    expect(files()).toEqual([]);
  });

  it.runIf(hasNamespaces).each(Object.keys(COMMANDS))(
    "%s ends within a second of SIGTERM as process 1 too",
    async (name) => {
      await using clouds = await startTwoClouds();
      clouds.metadata.injectFault({ kind: "hang" });
      await using program = startCommand(COMMANDS[name]!(), { under: AS_INIT });
      await vi.waitFor(() => expect(clouds.metadata.requests).not.toEqual([]), { timeout: 10_000 });
      await signalInit(program, "SIGTERM");
      expect(await codeWithin(1_000, program)).toBe(143);
      expect(files()).toEqual([]);
    },
  );
});

describe("exec", () => {
  it("ends within a second of its command, with its code, while a refresh hangs", async () => {
    await using clouds = await startTwoClouds({ sessionSeconds: 12 });
    // The first session is there; its refresh, which begins after some seconds, hangs.
    const script = `echo up; while [ ! -e ${path("go")} ]; do sleep 0.1; done; exit 5`;
    await using program = startCommand([...EXEC, "sh", "-c", script], { limitMs: 25_000 });
    await vi.waitFor(() => expect(program.stdout()).toBe("up\n"), { timeout: 10_000 });
    clouds.metadata.injectFault({ kind: "hang" });
    await vi.waitFor(() => expect(clouds.metadata.requests.at(-1)?.status).toBe("hang"), { timeout: 15_000 });
    writeFileSync(path("go"), "");
    expect(await codeWithin(1_000, program)).toBe(5);
  });

  it("ends within a second of its command while a client keeps its connection open", async () => {
    await using _ = await startTwoClouds();
    const client = `const u = new URL(process.argv[1]); require("net").connect(u.port, u.hostname).on("error", () => {}); setTimeout(() => process.exit(4), 3000)`;
    const script = `${process.execPath} -e '${client}' $AWS_CONTAINER_CREDENTIALS_FULL_URI & echo up; sleep 0.5; exit 6`;
    await using program = startCommand([...EXEC, "sh", "-c", script], { limitMs: 10_000 });
    await vi.waitFor(() => expect(program.stdout()).toBe("up\n"), { timeout: 10_000 });
    expect(await codeWithin(1_500, program)).toBe(6);
  });

  it.runIf(hasNamespaces).each([
    ["with its command's exit code", "exit 7", 7],
    ["without waiting for the processes that its command leaves behind", "sleep 1000 > /dev/null 2>&1 & exit 0", 0],
  ])("ends %s as process 1", async (_, script, expected) => {
    await using _clouds = await startTwoClouds();
    expect((await runCommand([...EXEC, "sh", "-c", script], { under: AS_INIT })).code).toBe(expected);
  });

  it.runIf(hasNamespaces)("passes SIGTERM on, and waits for the command's own end, as process 1", async () => {
    await using _ = await startTwoClouds();
    const script = "trap 'exit 9' TERM; echo ready; while :; do sleep 0.05; done";
    await using program = startCommand([...EXEC, "bash", "-c", script], { under: AS_INIT });
    await vi.waitFor(() => expect(program.stdout()).toBe("ready\n"), { timeout: 10_000 });
    await signalInit(program, "SIGTERM");
    expect((await program.done).code).toBe(9);
  });

  it.runIf(hasNamespaces)("leaves no zombie of 20 orphans under an init", async () => {
    await using _ = await startTwoClouds();
    const orphans = `for i in $(seq 20); do (sh -c "sleep 0.2 & exit 0" &); done; sleep 1; ps -eo stat= | grep -c "^Z"; exit 3`;
    // Bash as process 1 collects orphans, as tini and the pause container of a shared process namespace do.
    const under = [...AS_INIT, "bash", "-c", '"$0" "$@" & wait $!'];
    const { code, stdout } = await runCommand([...EXEC, "sh", "-c", orphans], { under });
    expect([code, stdout]).toEqual([3, "0\n"]);
  });
});

describe("serve --drain-seconds", () => {
  async function startDraining(seconds: number) {
    const flags = [...REGION, "--token-file", path("authorization"), "--drain-seconds", String(seconds)];
    const program = startCommand(["serve", ...flags]);
    await vi.waitFor(() => expect(program.stdout()).toContain("TOKEN_FILE"), { timeout: 10_000 });
    program.child.kill("SIGTERM");
    return program;
  }

  it("goes on answering after SIGTERM, and keeps its token's file to the end", async () => {
    await using _ = await startTwoClouds();
    const start = performance.now();
    await using program = await startDraining(2);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect(files()).toEqual(["authorization"]);
    const uri = /FULL_URI=(.*)/.exec(program.stdout())?.[1] ?? "";
    expect((await fetch(`${uri}healthz`)).status).toBe(200);
    expect((await program.done).code).toBe(143);
    expect(performance.now() - start).toBeGreaterThan(1_900);
    expect(files()).toEqual([]);
  });

  it("ends at once at a second signal, without its token's file", async () => {
    await using _ = await startTwoClouds();
    await using program = await startDraining(600);
    await new Promise((resolve) => setTimeout(resolve, 300));
    program.child.kill("SIGTERM");
    expect(await codeWithin(1_000, program)).toBe(143);
    expect(files()).toEqual([]);
  });
});
