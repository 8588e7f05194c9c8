import { Command, CommanderError } from "commander";
import manifest from "../../package.json" with { type: "json" };
import { GkeWorkloadIdentityError, type GkeWorkloadIdentityErrorCode } from "../index.js";
import { addCredentialProcess } from "./credential-process.js";
import { addDoctor } from "./doctor.js";
import { addTrustPolicy } from "./trust-policy.js";

/** Where a command writes: its result to stdout, all else to stderr. */
export interface Output {
  readonly stdout: {
    readonly write: (text: string) => unknown;
    readonly isTTY?: boolean;
    readonly hasColors?: () => boolean;
  };
  readonly stderr: { readonly write: (text: string) => unknown };
}

const EXIT_DONE = 0;
const EXIT_FAILURE = 1;
const EXIT_USAGE = 2;

const WRONG_USAGE: readonly GkeWorkloadIdentityErrorCode[] = ["INVALID_CONFIGURATION", "MISSING_ROLE_ARN"];

/** Runs one command and gives its exit code. */
export async function run(args: readonly string[], output: Output): Promise<number> {
  const program = new Command("gke-aws-credentials")
    .description("AWS credentials for workloads on Google Cloud, without access keys.")
    .version(manifest.version)
    .showHelpAfterError("Run gke-aws-credentials --help, or gke-aws-credentials COMMAND --help, for usage.")
    .addHelpText("after", "\nExit codes: 0 done, 1 failed, 2 wrong usage.")
    .configureOutput({
      writeOut: (text) => output.stdout.write(text),
      writeErr: (text) => output.stderr.write(text),
    })
    .exitOverride();
  addCredentialProcess(program, output);
  let exitCode = EXIT_DONE;
  addDoctor(program, output, (code) => {
    exitCode = code;
  });
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
  if (!(error instanceof GkeWorkloadIdentityError)) {
    stderr.write(`gke-aws-credentials: ${error instanceof Error ? error.message : String(error)}\n`);
    return EXIT_FAILURE;
  }
  stderr.write(`${error.code}: ${error.message}\n${error.hint}\n`);
  return WRONG_USAGE.includes(error.code) ? EXIT_USAGE : EXIT_FAILURE;
}
