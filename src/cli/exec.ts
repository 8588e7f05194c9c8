import { spawn } from "node:child_process";
import { constants } from "node:os";
import type { Command } from "commander";
import { fromGkeWorkloadIdentity } from "../index.js";
import { startCredentialsServer } from "./credentials-server.js";
import { createExecEnvironment } from "./exec-environment.js";
import { addExample, addProviderOptions, findRegion, type ProviderFlags, toInit } from "./flags.js";
import { createLog, type Output, toMessage } from "./output.js";
import { createFreshRole } from "./serve-roles.js";
import { isFromTerminal } from "./terminal.js";

interface Flags extends ProviderFlags {
  readonly roleArn?: string;
}

const FORWARDED = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2"] as const;
/** As a shell says it. */
const SHELL_EXIT_CODES: Readonly<Record<string, number>> = { EACCES: 126, ENOENT: 127 };
const EXIT_FAILURE = 1;
const EXIT_SIGNAL = 128;
const MAX_NAME = 200;

/** `exec`: a command against a `serve` of its own. */
export function addExec(program: Command, output: Output, setExitCode: (code: number) => void): void {
  const command = program
    .command("exec")
    .description("Run a command as the role and as nothing else, and pass its signals and exit code on.")
    .usage("[options] -- COMMAND [ARGUMENTS...]")
    .argument("<command...>", "the command and its arguments, after --")
    .option("--role-arn <arn>", "the role to assume; default: AWS_ROLE_ARN");
  addExample(addProviderOptions(command), "gke-aws-credentials exec --region eu-west-1 -- aws s3 ls")
    .passThroughOptions()
    .action(async (words: string[], flags: Flags) => setExitCode(await execute(words, flags, output)));
}

async function execute(words: readonly string[], { roleArn, ...flags }: Flags, output: Output): Promise<number> {
  const region = await findRegion(flags.region);
  const init = await toInit(roleArn, { ...flags, region });
  // Before the command runs: it would fail with its own message, which does not say how to fix this.
  const first = await fromGkeWorkloadIdentity(init)();
  const stop = new AbortController();
  const role = createFreshRole("/", init, { log: createLog(output, "text"), stop: stop.signal, first });
  const server = await startCredentialsServer(new Map([["/", role]]), 0);
  try {
    const session = {
      uri: `http://127.0.0.1:${server.port}/`,
      authorization: server.authorizations.get("/") ?? "",
      region,
    };
    const { env, removeFiles } = await createExecEnvironment(session, process.env);
    try {
      return await runChild(words, env, output);
    } finally {
      removeFiles();
    }
  } finally {
    // Neither a refresh nor a client that is still connected holds up the end.
    stop.abort();
    server.close();
  }
}

/** Runs a command with this process's stdin, stdout and stderr, passes signals on to it, and gives its exit code. */
export async function runChild(
  [file = "", ...args]: readonly string[],
  env: NodeJS.ProcessEnv,
  { stderr }: Pick<Output, "stderr">,
): Promise<number> {
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
    return await new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("exit", (code, signal) => resolve(code ?? EXIT_SIGNAL + constants.signals[signal ?? "SIGKILL"]));
    });
  } catch (error) {
    const { code = "", message } = error as NodeJS.ErrnoException;
    stderr.write(`${toMessage(new Error(`${file.slice(0, MAX_NAME)} cannot be run: ${message}`))}\n`);
    return SHELL_EXIT_CODES[code] ?? EXIT_FAILURE;
  } finally {
    for (const stop of stopForwarding) stop();
  }
}
