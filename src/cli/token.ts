import { existsSync } from "node:fs";
import type { Command } from "commander";
import { backoffMs, startDeadline } from "../lib/time.js";
import { resolveOptions } from "../options/option-rules.js";
import { DEFAULT_AUDIENCE } from "../options/options.js";
import type { WebIdentityToken } from "../token/check-token.js";
import { createGoogleCloudCheck } from "../token/google-cloud.js";
import { createTokenSource } from "../token/token-source.js";
import { addExample, addFileMode } from "./flags.js";
import { keepFresh } from "./keep-fresh.js";
import { type Output, toMessage } from "./output.js";
import { requireReplaceable, writeSecretFile } from "./write-secret-file.js";

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
const RETRY = { firstMs: 2_000, maxMs: 120_000, leastMs: 1_000 };

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
    if (watch && outputFile !== undefined) return keepTokenFresh(outputFile, fileMode, fetchIdToken, output);
    const { token } = await fetchIdToken();
    if (outputFile === undefined) output.stdout.write(`${token}\n`);
    else writeSecretFile(outputFile, token, fileMode);
  });
}

/**
 * Makes the function that fetches this workload's Google ID tokens, within the library's own time limit.
 *
 * @throws GkeWorkloadIdentityError `INVALID_CONFIGURATION` for an audience that is not valid.
 */
export function createIdTokenSource(audience: string | undefined): () => Promise<WebIdentityToken> {
  // Google's token, also where AWS_WEB_IDENTITY_TOKEN_FILE names a file: this may be the very command that writes it.
  const options = resolveOptions({ audience, serviceAccountEmail: "default" });
  const fetchIdToken = createTokenSource(options);
  const requireGoogleCloud = createGoogleCloudCheck();
  return async () => {
    const deadline = startDeadline(options.timeoutMs);
    await requireGoogleCloud(deadline);
    return fetchIdToken(deadline);
  };
}

async function keepTokenFresh(
  file: string,
  mode: number,
  fetchIdToken: () => Promise<WebIdentityToken>,
  { stderr, untilStopped }: Output,
): Promise<void> {
  requireReplaceable(file);
  const stop = new AbortController();
  keepFresh({
    stop: stop.signal,
    isLost: () => !existsSync(file),
    refresh: async () => {
      const { token, claims } = await fetchIdToken();
      if (stop.signal.aborted) return 0;
      writeSecretFile(file, token, mode);
      const left = claims.exp * 1_000 - Math.max(Date.now(), issuedAt(token));
      return Math.max(LEAST_WAIT_MS, left * (HALF - Math.random() * JITTER));
    },
    onFailure: (error, failures) => {
      const ms = backoffMs(failures, RETRY);
      stderr.write(`${toMessage(error)}\nTrying again in ${Math.ceil(ms / 1_000)} s.\n`);
      return ms;
    },
  });
  await untilStopped();
  stop.abort();
}

/** Later than now where this machine's clock is behind Google's. */
const issuedAt = (token: string): number =>
  (Number(JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString()).iat) || 0) * 1_000;
