import { type Command, InvalidArgumentError, Option } from "commander";
import { DEFAULT_AUDIENCE } from "../options/defaults.js";
import { toMessage } from "./command-error.js";
import { createIdTokenSource } from "./id-token.js";
import { keepFresh, unlessStopped } from "./keep-fresh.js";
import type { Output } from "./output.js";
import { SECRET_MODE, writeSecretFile } from "./write-secret-file.js";

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

function toFileMode(text: string): number {
  if (!/^0?[0-7]{3}$/.test(text)) throw new InvalidArgumentError("It must be three octal digits, such as 640.");
  return Number.parseInt(text, 8);
}

/** `token`: the Google ID token, once or kept fresh in a file, for `AWS_WEB_IDENTITY_TOKEN_FILE`. */
export function addToken(program: Command, { stdout, stderr, untilStopped }: Output): void {
  program
    .command("token")
    .description("Print the Google ID token, or keep it fresh in a file for AWS_WEB_IDENTITY_TOKEN_FILE.")
    .option("--audience <audience>", `the token's audience; default: ${DEFAULT_AUDIENCE}`)
    .option("--output-file <file>", "write it there, atomically, in place of stdout")
    .addOption(
      new Option("--file-mode <mode>", "who may read the file").argParser(toFileMode).default(SECRET_MODE, "600"),
    )
    .option("--watch", "keep the file fresh until SIGTERM; failures are told on stderr and tried again")
    .action(async ({ audience, outputFile, fileMode, watch }: Flags, command: Command) => {
      if (watch && outputFile === undefined) command.error("error: --watch needs --output-file");
      const fetchIdToken = createIdTokenSource(audience);
      const put = (token: string): unknown =>
        outputFile === undefined ? stdout.write(`${token}\n`) : writeSecretFile(outputFile, token, fileMode);
      if (!watch) {
        await put((await fetchIdToken()).token);
        return;
      }
      const stop = new AbortController();
      const watching = keepFresh({
        stop: stop.signal,
        refresh: async () => {
          const { token, claims } = await unlessStopped(fetchIdToken(), stop.signal);
          await put(token);
          const left = (claims.exp ?? 0) * 1_000 - Date.now();
          return Math.max(LEAST_WAIT_MS, left * (HALF - Math.random() * JITTER));
        },
        onFailure: (error, ms) => stderr.write(`${toMessage(error)}\nTrying again in ${Math.ceil(ms / 1_000)} s.\n`),
      });
      await untilStopped();
      stop.abort();
      await watching;
    });
}
