import { GkeWorkloadIdentityError } from "../index.js";
import { redactText, safeText } from "../lib/text.js";

const NAME = "gke-aws-credentials: ";
const MAX_BYTES = 2_000 - NAME.length;

/** A failure of the command itself, in one line that is safe to print. */
export class CommandError extends Error {
  override readonly name = "CommandError";

  constructor(message: string, cause?: unknown) {
    super(safeText(redactText(message), MAX_BYTES), { cause });
  }
}

/** Any failure as stderr shows it: the first line says what happened, the others what to do. */
export function toMessage(error: unknown): string {
  if (error instanceof GkeWorkloadIdentityError) return [error.message, error.hint].filter(Boolean).join("\n");
  const failure = error instanceof CommandError ? error : new CommandError(messageOf(error));
  return `${NAME}${failure.message}`;
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
