import { spawn } from "node:child_process";
import { once } from "node:events";

/** Shells as a reader has them open: interactive, on a terminal, without a configuration of their own. */
export const SHELLS = { bash: "bash --norc --noprofile -i", zsh: "zsh -f -i" } as const;

export interface PastedBlock {
  readonly code: string;
  readonly exitCode: number;
  /** What the terminal showed, the typed text included. */
  readonly output: string;
}

export interface InteractiveShell extends AsyncDisposable {
  /** Pastes one block and waits until the shell has run it. */
  readonly paste: (code: string) => Promise<PastedBlock>;
}

/**
 * Opens an interactive shell on a terminal of its own (`script` of util-linux makes the terminal). Text is pasted into
 * it, so that comments, history expansion and globs are read as a reader's shell reads them.
 */
export function openShell(
  shell: keyof typeof SHELLS,
  { cwd, env, limitMs = 60_000 }: { cwd: string; env: NodeJS.ProcessEnv; limitMs?: number },
): InteractiveShell {
  const child = spawn("script", ["-qefc", SHELLS[shell], "/dev/null"], {
    cwd,
    env: { ...env, TERM: "dumb", NO_COLOR: "1", PS1: "", PS2: "", HISTFILE: "/dev/null" },
    stdio: "pipe",
    detached: true,
  });
  const closed = once(child, "close");
  let shown = "";
  let onShown = (): void => {};
  child.stdout.on("data", (chunk) => {
    shown += chunk;
    onShown();
  });
  let pasted = 0;

  const paste = async (code: string): Promise<PastedBlock> => {
    pasted += 1;
    const from = shown.length;
    // The typed line has the quotes in it, so it is not the mark itself.
    const mark = new RegExp(`<pasted-${pasted}:(\\d+)>`);
    child.stdin.write(`${code.endsWith("\n") ? code : `${code}\n`}echo "<pasted""-${pasted}:$?>"\n`);
    const found = await new Promise<RegExpExecArray>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`not done after ${limitMs} ms:\n${shown.slice(from)}`)), limitMs);
      onShown = () => {
        const match = mark.exec(shown.slice(from));
        if (!match) return;
        clearTimeout(timer);
        resolve(match);
      };
      onShown();
    });
    return { code, exitCode: Number(found[1]), output: shown.slice(from).replaceAll("\r", "") };
  };

  const end = async (): Promise<void> => {
    try {
      process.kill(-child.pid!, "SIGKILL");
    } catch {}
    await closed;
  };
  return { paste, [Symbol.asyncDispose]: end };
}
