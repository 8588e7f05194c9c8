import type { Command } from "commander";
import { fromGkeWorkloadIdentity } from "../index.js";
import { toMessage } from "./command-error.js";
import { startCredentialsServer } from "./credentials-server.js";
import { createExecEnvironment } from "./exec-environment.js";
import { createLog } from "./log.js";
import type { Output } from "./output.js";
import { addExample, addProviderOptions, type ProviderFlags, toInit } from "./provider-options.js";
import { findRegion } from "./region.js";
import { runChild } from "./run-child.js";
import { createFreshRole } from "./serve-roles.js";

interface Flags extends ProviderFlags {
  readonly roleArn?: string;
}

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
    const authorization = server.authorizations.get("/") ?? "";
    const environment = await createExecEnvironment({ uri: `http://127.0.0.1:${server.port}/`, authorization, region });
    try {
      const { code, failure } = await runChild(words, environment.env);
      if (failure) output.stderr.write(`${toMessage(failure)}\n`);
      return code;
    } finally {
      environment.removeFiles();
    }
  } finally {
    // Neither a refresh nor a client that is still connected holds up the end.
    stop.abort();
    server.close();
  }
}
