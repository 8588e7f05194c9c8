import { GkeWorkloadIdentityError } from "../index.js";

/** A failure of the command itself, told in one line. */
export class CommandError extends Error {
  override readonly name = "CommandError";

  constructor(message: string, cause?: unknown) {
    super(message, { cause });
  }
}

/** Any failure as stderr shows it. */
export const toMessage = (error: unknown): string =>
  error instanceof GkeWorkloadIdentityError
    ? `${error.code}: ${error.message}\n${error.hint}`
    : `gke-aws-credentials: ${error instanceof Error ? error.message : String(error)}`;
