import { spawn } from "node:child_process";
import { constants } from "node:os";
import { CommandError } from "./command-error.js";
import { isFromTerminal } from "./terminal.js";

const FORWARDED = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2"] as const;
/** As a shell says it. */
const SHELL_EXIT_CODES: Readonly<Record<string, number>> = { EACCES: 126, ENOENT: 127 };
const EXIT_SIGNAL = 128;
const MAX_NAME = 200;

/** What became of a command that was run: its exit code, or why it could not be run, with a shell's code for that. */
export interface ChildOutcome {
  readonly code: number;
  readonly failure?: CommandError;
}

/**
 * Runs a command with this process's stdin, stdout and stderr, passes signals on to it, and gives its exit code.
 *
 * @throws CommandError where it cannot be run, and a shell has no exit code of its own for that.
 */
export async function runChild([file = "", ...args]: readonly string[], env: NodeJS.ProcessEnv): Promise<ChildOutcome> {
  const stopForwarding: (() => unknown)[] = [];
  try {
    const child = spawn(file, args, { stdio: "inherit", env });
    for (const signal of FORWARDED) {
      const forward = (): void => {
        if (!isFromTerminal(signal)) child.kill(signal);
      };
      process.on(signal, forward);
      stopForwarding.push(() => process.off(signal, forward));
    }
    return await new Promise<ChildOutcome>((resolve, reject) => {
      child.once("error", reject);
      child.once("exit", (code, signal) =>
        resolve({ code: code ?? EXIT_SIGNAL + constants.signals[signal ?? "SIGKILL"] }),
      );
    });
  } catch (error) {
    const { code = "", message } = error as NodeJS.ErrnoException;
    const failure = new CommandError(`${file.slice(0, MAX_NAME)} cannot be run: ${message}`, error);
    const exitCode = SHELL_EXIT_CODES[code];
    if (exitCode === undefined) throw failure;
    return { code: exitCode, failure };
  } finally {
    for (const stop of stopForwarding) stop();
  }
}
