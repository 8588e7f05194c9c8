import { Command, CommanderError } from "commander";
import manifest from "../../package.json" with { type: "json" };
import { GkeWorkloadIdentityError, type GkeWorkloadIdentityErrorCode } from "../index.js";
import { redactText, safeText } from "../lib/text.js";
import { type Output, toMessage } from "./output.js";

const EXIT_DONE = 0;
const EXIT_FAILURE = 1;
const EXIT_USAGE = 2;

const MAX_ERROR_BYTES = 2_000;
const WRONG_USAGE: readonly GkeWorkloadIdentityErrorCode[] = ["INVALID_CONFIGURATION", "MISSING_ROLE_ARN"];

type AddCommand = (program: Command, output: Output, setExitCode: (code: number) => void) => void;

/** Each command is loaded when it is asked for: the start of the command is a part of every AWS CLI call. */
const COMMANDS: Readonly<Record<string, () => Promise<AddCommand>>> = {
  "credential-process": async () => (await import("./credential-process.js")).addCredentialProcess,
  token: async () => (await import("./token.js")).addToken,
  serve: async () => (await import("./serve.js")).addServe,
  exec: async () => (await import("./exec.js")).addExec,
  doctor: async () => (await import("./doctor.js")).addDoctor,
  "trust-policy": async () => (await import("./trust-policy.js")).addTrustPolicy,
};

/** Runs one command and gives its exit code. */
export async function run(args: readonly string[], output: Output): Promise<number> {
  let exitCode = EXIT_DONE;
  const setExitCode = (code: number): void => {
    exitCode = code;
  };
  const program = new Command("gke-aws-credentials")
    .description("AWS credentials for workloads on Google Cloud, without access keys.")
    .version(manifest.version)
    .enablePositionalOptions()
    .showHelpAfterError("Run gke-aws-credentials --help, or gke-aws-credentials COMMAND --help, for usage.")
    .addHelpText("after", "\nExit codes: 0 done, 1 failed, 2 wrong usage; exec: the command's own.")
    .configureOutput({
      writeOut: (text) => output.stdout.write(text),
      writeErr: (text) => output.stderr.write(text),
      outputError: (text, write) => write(`${safeText(redactText(text.trim()), MAX_ERROR_BYTES)}\n`),
    })
    .exitOverride();
  const name = args[0] ?? "";
  for (const [known, load] of Object.entries(COMMANDS)) {
    // All of them for help, and for what is not a command.
    if (known === name || !Object.hasOwn(COMMANDS, name)) (await load())(program, output, setExitCode);
  }
  try {
    await program.parseAsync(args, { from: "user" });
    return exitCode;
  } catch (error) {
    // Commander has said its own errors already.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT_DONE : EXIT_USAGE;
    output.stderr.write(`${toMessage(error)}\n`);
    return error instanceof GkeWorkloadIdentityError && WRONG_USAGE.includes(error.code) ? EXIT_USAGE : EXIT_FAILURE;
  }
}
