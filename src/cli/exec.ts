import { spawn } from "node:child_process";
import { constants, devNull } from "node:os";
import type { Command } from "commander";
import { fromGkeWorkloadIdentity } from "../index.js";
import { CommandError, toMessage } from "./command-error.js";
import { startCredentialsServer } from "./credentials-server.js";
import type { Output } from "./output.js";
import { addProviderOptions, type ProviderFlags, toInit } from "./provider-options.js";
import { keepRolesFresh, toRoles } from "./serve-roles.js";

/** What the SDKs would look at before the container credentials. */
const CONFLICTING = [
  "AWS_ACCESS_KEY_ID",
  "AWS_SECRET_ACCESS_KEY",
  "AWS_SESSION_TOKEN",
  "AWS_SECURITY_TOKEN",
  "AWS_CREDENTIAL_EXPIRATION",
  "AWS_PROFILE",
  "AWS_DEFAULT_PROFILE",
  "AWS_ROLE_ARN",
  "AWS_ROLE_SESSION_NAME",
  "AWS_WEB_IDENTITY_TOKEN_FILE",
  "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
  "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
];

const FORWARDED = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2"] as const;
/** As a shell says it. */
const SHELL_EXIT_CODES: Readonly<Record<string, number>> = { EACCES: 126, ENOENT: 127 };
const EXIT_SIGNAL = 128;

/** `exec`: a command against a `serve` of its own. */
export function addExec(program: Command, { stderr }: Output, setExitCode: (code: number) => void): void {
  const command = program
    .command("exec")
    .description("Run a command that finds fresh AWS sessions, and pass its signals and exit code on.")
    .usage("[options] -- COMMAND [ARGUMENTS...]")
    .argument("<command...>", "the command and its arguments, behind --")
    .option("--role-arn <arn>", "the role to assume; default: AWS_JANUS_ROLE, else AWS_ROLE_ARN");
  addProviderOptions(command)
    .passThroughOptions()
    .action(async (words: string[], { roleArn, ...flags }: ProviderFlags & { roleArn?: string }) => {
      const provider = fromGkeWorkloadIdentity(toInit(roleArn, flags));
      // Before the command runs: it would fail in its own words where these say what mends it.
      await provider();
      const providers = new Map([["/", provider]]);
      const server = await startCredentialsServer(toRoles(providers), 0);
      const stop = new AbortController();
      const log = (text: string): unknown => stderr.write(text);
      const fresh = keepRolesFresh(providers, stop.signal, log);
      try {
        setExitCode(await runCommand(words, environmentFor(server), log));
      } finally {
        stop.abort();
        await Promise.all([fresh, server.drain()]);
      }
    });
}

function environmentFor({ port, authorization }: { port: number; authorization: string }): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !CONFLICTING.includes(name));
  return {
    ...Object.fromEntries(kept),
    AWS_CONTAINER_CREDENTIALS_FULL_URI: `http://127.0.0.1:${port}/`,
    AWS_CONTAINER_AUTHORIZATION_TOKEN: authorization,
    // Asked where the container credentials fail; on Google Cloud that is not AWS's metadata server.
    AWS_EC2_METADATA_DISABLED: "true",
    // A default profile in ~/.aws/credentials would win over the container credentials.
    AWS_SHARED_CREDENTIALS_FILE: devNull,
  };
}

async function runCommand(
  [file = "", ...args]: readonly string[],
  env: NodeJS.ProcessEnv,
  log: (text: string) => unknown,
): Promise<number> {
  const stopForwarding: (() => unknown)[] = [];
  try {
    const child = spawn(file, args, { stdio: "inherit", env });
    for (const signal of FORWARDED) {
      const forward = (): void => {
        // A terminal has sent it to the whole group already.
        if (signal !== "SIGINT" || !process.stdin.isTTY) child.kill(signal);
      };
      process.on(signal, forward);
      stopForwarding.push(() => process.off(signal, forward));
    }
    return await new Promise<number>((resolve, reject) => {
      child.once("error", reject);
      child.once("exit", (code, signal) => resolve(code ?? EXIT_SIGNAL + constants.signals[signal ?? "SIGKILL"]));
    });
  } catch (error) {
    const { code = "", message } = error as NodeJS.ErrnoException;
    const failure = new CommandError(`${file} cannot be run: ${message}`, error);
    const exitCode = SHELL_EXIT_CODES[code];
    if (exitCode === undefined) throw failure;
    log(`${toMessage(failure)}\n`);
    return exitCode;
  } finally {
    for (const stop of stopForwarding) stop();
  }
}
