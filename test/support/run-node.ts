import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly durationMs: number;
}

export interface RunOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  readonly limitMs?: number;
  /** How many files it may have open. Default: as many as this process. */
  readonly openFiles?: number;
  /** A command that starts it, such as `unshare`. */
  readonly under?: readonly string[];
  /** Default: nothing to read. */
  readonly stdin?: "pipe" | "ignore";
}

/** A program that runs; what is left of it at the end of the block is killed. */
export interface RunningProgram extends AsyncDisposable {
  readonly child: ChildProcess;
  readonly done: Promise<Finished>;
  /** What it has written to stdout so far. */
  readonly stdout: () => string;
}

/** Starts a Node program, which ends within the limit or is killed. */
export function startProgram(args: readonly string[], options: RunOptions = {}): RunningProgram {
  const { env = {}, cwd, limitMs = 15_000, openFiles, stdin = "ignore" } = options;
  const limited = `ulimit -n ${openFiles} && exec "$0" "$@"`;
  const { under = openFiles ? ["bash", "-c", limited] : [] } = options;
  const command = [...under, process.execPath];
  const start = performance.now();
  const child = spawn(command[0] as string, [...command.slice(1), ...args], {
    cwd,
    env: { ...process.env, NODE_NO_WARNINGS: "1", ...env },
    stdio: [stdin, "pipe", "pipe"],
    // So that what the starting command leaves behind is killed with it.
    detached: under.length > 0,
  });
  const kill = (): void => {
    try {
      process.kill(under.length > 0 ? -child.pid! : child.pid!, "SIGKILL");
    } catch {}
  };
  let stdout = "";
  let stderr = "";
  child.stdout?.on("data", (chunk) => {
    stdout += chunk;
  });
  child.stderr?.on("data", (chunk) => {
    stderr += chunk;
  });
  const timer = setTimeout(kill, limitMs);
  const done = new Promise<Finished>((resolve) => {
    child.on("close", (code) => {
      clearTimeout(timer);
      resolve({ code, stdout, stderr, durationMs: performance.now() - start });
    });
  });
  const end = async (): Promise<void> => {
    kill();
    await done;
  };
  return { child, done, stdout: () => stdout, [Symbol.asyncDispose]: end };
}

/** Runs a Node program to its end, which comes within the limit or fails the test. */
export const runNode = (args: readonly string[], options: RunOptions = {}): Promise<Finished> =>
  startProgram(args, options).done;

/** Starts the built command. */
export const startCommand = (args: readonly string[], options: RunOptions = {}): RunningProgram =>
  startProgram(["dist/cli.cjs", ...args], options);

/** Runs the built command to its end. */
export const runCommand = (args: readonly string[], options: RunOptions = {}): Promise<Finished> =>
  startCommand(args, options).done;

/** The resident memory of a program, in megabytes. */
export const residentMb = ({ child }: RunningProgram): number =>
  (Number(readFileSync(`/proc/${child.pid}/statm`, "utf8").split(" ")[1]) * 4_096) / 1e6;
