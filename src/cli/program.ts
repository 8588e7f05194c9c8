import { Command, CommanderError } from "commander";
import manifest from "../../package.json" with { type: "json" };
import { GkeWorkloadIdentityError, type GkeWorkloadIdentityErrorCode } from "../index.js";
import { toMessage } from "./command-error.js";
import { addCredentialProcess } from "./credential-process.js";
import { addDoctor } from "./doctor.js";
import { addExec } from "./exec.js";
import type { Output } from "./output.js";
import { addServe } from "./serve.js";
import { addToken } from "./token.js";
import { addTrustPolicy } from "./trust-policy.js";

const EXIT_DONE = 0;
const EXIT_FAILURE = 1;
const EXIT_USAGE = 2;

const WRONG_USAGE: readonly GkeWorkloadIdentityErrorCode[] = ["INVALID_CONFIGURATION", "MISSING_ROLE_ARN"];

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
    })
    .exitOverride();
  addCredentialProcess(program, output);
  addToken(program, output);
  addServe(program, output);
  addExec(program, output, setExitCode);
  addDoctor(program, output, setExitCode);
  addTrustPolicy(program, output);
  try {
    await program.parseAsync(args, { from: "user" });
    return exitCode;
  } catch (error) {
    return report(error, output);
  }
}

/** Commander has said its own errors already. */
function report(error: unknown, { stderr }: Output): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT_DONE : EXIT_USAGE;
  stderr.write(`${toMessage(error)}\n`);
  return error instanceof GkeWorkloadIdentityError && WRONG_USAGE.includes(error.code) ? EXIT_USAGE : EXIT_FAILURE;
}
