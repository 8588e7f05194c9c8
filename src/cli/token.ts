import type { Command } from "commander";
import { DEFAULT_AUDIENCE } from "../options/options.js";
import type { WebIdentityToken } from "../token/check-token.js";
import { toMessage } from "./command-error.js";
import { addFileMode } from "./file-mode.js";
import { createIdTokenSource } from "./id-token.js";
import { keepFresh, unlessStopped } from "./keep-fresh.js";
import type { Output } from "./output.js";
import { addExample } from "./provider-options.js";
import { writeSecretFile } from "./write-secret-file.js";

interface Flags {
  readonly audience?: string;
  readonly outputFile?: string;
  readonly fileMode: number;
  readonly watch?: true;
}

/** A token is replaced when half of its life is over, with some jitter: long before `exp`. */
const HALF = 0.5;
const JITTER = 0.1;
const LEAST_WAIT_MS = 5_000;

/** `token`: the Google ID token, once or kept fresh in a file, for `AWS_WEB_IDENTITY_TOKEN_FILE`. */
export function addToken(program: Command, output: Output): void {
  const command = program
    .command("token")
    .description("Print the Google ID token, or keep it fresh in a file for AWS_WEB_IDENTITY_TOKEN_FILE.")
    .option("--audience <audience>", `the token's audience; default: ${DEFAULT_AUDIENCE}`)
    .option("--output-file <file>", "write it there, atomically, in place of stdout")
    .option("--watch", "keep the file fresh until SIGTERM; failures are told on stderr and tried again");
  addFileMode(command);
  addExample(
    command,
    "gke-aws-credentials token --watch --output-file /var/run/secrets/aws/token --file-mode 640",
  ).action(async ({ audience, outputFile, fileMode, watch }: Flags) => {
    if (watch && outputFile === undefined) command.error("error: --watch needs --output-file");
    const fetchIdToken = createIdTokenSource(audience);
    const put = async (token: string): Promise<void> => {
      if (outputFile === undefined) output.stdout.write(`${token}\n`);
      else await writeSecretFile(outputFile, token, fileMode);
    };
    if (watch) await keepTokenFresh(fetchIdToken, put, output);
    else await put((await fetchIdToken()).token);
  });
}

async function keepTokenFresh(
  fetchIdToken: () => Promise<WebIdentityToken>,
  put: (token: string) => Promise<void>,
  { stderr, untilStopped }: Output,
): Promise<void> {
  const stop = new AbortController();
  const watching = keepFresh({
    stop: stop.signal,
    refresh: async () => {
      const { token, claims } = await unlessStopped(fetchIdToken(), stop.signal);
      await put(token);
      const left = claims.exp * 1_000 - Date.now();
      return Math.max(LEAST_WAIT_MS, left * (HALF - Math.random() * JITTER));
    },
    onFailure: (error, ms) => stderr.write(`${toMessage(error)}\nTrying again in ${Math.ceil(ms / 1_000)} s.\n`),
  });
  await untilStopped();
  stop.abort();
  await watching;
}
