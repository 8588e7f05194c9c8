import { sentenceOf } from "../errors/error.js";
import { GkeWorkloadIdentityError } from "../index.js";
import { redactText, safeLines, safeText } from "../lib/text.js";

/** A failure of the command itself, told in one line. */
export class CommandError extends Error {
  override readonly name = "CommandError";

  constructor(message: string, cause?: unknown) {
    super(message, { cause });
  }
}

const MAX_BYTES = 2_000;

/** Any failure as stderr shows it: the first line says what happened, the others what to do. */
export function toMessage(error: unknown): string {
  if (!(error instanceof GkeWorkloadIdentityError)) {
    return safeText(redactText(`gke-aws-credentials: ${describe(error)}`), MAX_BYTES);
  }
  return `${error.code}: ${safeText(redactText(sentenceOf(error)), MAX_BYTES)}\n${safeLines(error.hint)}`;
}

const describe = (error: unknown): string => (error instanceof Error ? error.message : String(error));
