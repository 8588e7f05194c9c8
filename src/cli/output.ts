import { GkeWorkloadIdentityError } from "../index.js";
import { redactText, safeText } from "../lib/text.js";

/** Where a command writes: its result to stdout, all else to stderr. And when one that goes on is to end. */
export interface Output {
  readonly stdout: {
    readonly write: (text: string) => unknown;
    readonly isTTY?: boolean;
    readonly hasColors?: () => boolean;
  };
  readonly stderr: { readonly write: (text: string) => unknown };
  /** With `onHangup`, SIGHUP calls it and does not end the command, unless the terminal has been closed. */
  readonly untilStopped: (onHangup?: () => void) => Promise<void>;
}

const NAME = "gke-aws-credentials: ";
const MAX_MESSAGE = 2_000;

/** Any failure as stderr shows it: the first line says what happened, the others what to do. */
export function toMessage(error: unknown): string {
  if (error instanceof GkeWorkloadIdentityError) return [error.message, error.hint].filter(Boolean).join("\n");
  const message = error instanceof Error ? error.message : String(error);
  return NAME + safeText(redactText(message), MAX_MESSAGE - NAME.length);
}

/** What happened to a role that is served. All of it is safe to print. */
export interface LogEntry {
  readonly severity: "INFO" | "WARNING" | "ERROR";
  readonly message: string;
  readonly code?: string;
  readonly hint?: string;
  /** The end of the session that is served; undefined where there is none. */
  readonly servedUntil?: Date | undefined;
  readonly nextTryAt?: Date;
}

export type LogFormat = "text" | "json";

/** One line for each entry. `severity`, `message` and `time` are the names of Cloud Logging. */
export type Log = (role: { readonly path: string; readonly roleArn: string }, entry: LogEntry) => void;

export const createLog =
  ({ stderr }: Pick<Output, "stderr">, format: LogFormat): Log =>
  ({ path, roleArn }, entry) => {
    const line =
      format === "json" ? JSON.stringify({ time: new Date(), role: roleArn, ...entry }) : toText(path, entry);
    stderr.write(`${line}\n`);
  };

function toText(path: string, { message, hint, servedUntil, nextTryAt }: LogEntry): string {
  const parts = [`${path}: ${message}`];
  if (nextTryAt && servedUntil) parts.push(`The old session is served until ${servedUntil.toISOString()}.`);
  if (nextTryAt) parts.push(`Trying again in ${Math.ceil((nextTryAt.getTime() - Date.now()) / 1_000)} s.`);
  if (hint) parts.push(hint.replace(/\s*\n\s*/g, " "));
  return parts.join(" ");
}
