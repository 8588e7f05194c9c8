import { readFileSync } from "node:fs";

/**
 * The process group and the session of this process, its controlling terminal (`0` without one), and the process group that
 * the terminal sends its signals to; whatever stdin is. Undefined where there is no `/proc`, as on macOS.
 *
 * @see https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
 */
function readTerminal() {
  try {
    const [, , group, session, device, foreground] = readFileSync("/proc/self/stat", "latin1")
      .replace(/^.*\) /s, "")
      .split(" ");
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
