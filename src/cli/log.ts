import type { Output } from "./output.js";

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
export const LOG_FORMATS: readonly LogFormat[] = ["text", "json"];

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
