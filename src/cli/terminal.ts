import { readFileSync } from "node:fs";

interface Terminal {
  /** The process group of this process. */
  readonly group: string;
  readonly session: string;
  /** The controlling terminal; `0` without one. */
  readonly device: string;
  /** The process group that the terminal sends its signals to. */
  readonly foreground: string;
}

/**
 * The terminal of this process, whatever stdin is; undefined where there is no `/proc`, as on macOS.
 *
 * @see https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
 */
function readTerminal(): Terminal | undefined {
  try {
    const fields = readFileSync("/proc/self/stat", "latin1")
      .replace(/^.*\) /s, "")
      .split(" ");
    const [, , group = "", session = "", device = "", foreground = ""] = fields;
    return { group, session, device, foreground };
  } catch {
    return undefined;
  }
}

const atStart = readTerminal();

/** Whether the terminal of this process has been closed. */
export const isTerminalClosed = (): boolean =>
  atStart !== undefined && atStart.device !== "0" && readTerminal()?.device === "0";

/** Whether a terminal has sent this signal to the whole process group, and so to the child too. */
export function isFromTerminal(signal: NodeJS.Signals): boolean {
  // The end of a terminal reaches its session leader alone. A shell that leads the session passes it on to the group.
  if (signal === "SIGHUP") return isTerminalClosed() && atStart?.session !== String(process.pid);
  if (signal !== "SIGINT" && signal !== "SIGQUIT") return false;
  const now = readTerminal();
  return now ? now.device !== "0" && now.group === now.foreground : process.stdin.isTTY === true;
}
