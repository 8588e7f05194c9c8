import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it, vi } from "vitest";
import { ROLE_ARN, startTwoClouds } from "../support/two-clouds.js";
import { useDirectory } from "../support/use-directory.js";

const [CTRL_C, CTRL_BACKSLASH] = ["\u0003", "\u001c"];

const path = useDirectory();
const read = (name: string): string => (existsSync(path(name)) ? readFileSync(path(name), "utf8") : "");

/**
 * Runs a shell command on a terminal of its own (`script` of util-linux makes the terminal).
 * The shell outlives the keys: it leads the session, so its end would close the terminal.
 */
function onTerminal(command: string) {
  const child = spawn("script", ["-qefc", `trap : INT QUIT; ${command}`, "/dev/null"], {
    stdio: "pipe",
    env: { ...process.env, SHELL: "/bin/sh" },
  });
  child.stdout.resume();
  const closed = once(child, "close");
  const end = async (): Promise<void> => {
    child.kill("SIGKILL");
    await closed;
  };
  return { type: (keys: string) => child.stdin.write(keys), end, [Symbol.asyncDispose]: end };
}

/** `exec` of a program that notes each signal at once, in a file, until the file `go` is there. */
function execNoting(stdin: string): string {
  const program = `
    const { appendFileSync, existsSync, writeFileSync } = require("node:fs");
    for (const name of ["INT", "QUIT", "HUP"]) process.on("SIG" + name, () => appendFileSync("${path("got")}", name + "\\n"));
    setInterval(() => existsSync("${path("go")}") && process.exit(), 50);
    writeFileSync("${path("pid")}", String(process.pid));`;
  writeFileSync(path("noting.cjs"), program);
  const exec = `${process.execPath} dist/cli.cjs exec --region us-east-1 -- ${process.execPath} ${path("noting.cjs")}`;
  return stdin === "a pipe" ? `sleep 20 | ${exec}` : `${exec} ${stdin}`;
}

describe("exec on a terminal", () => {
  it.each(["", "< /dev/null", "a pipe"])(
    "lets Ctrl-C and Ctrl-\\ reach the command once, with stdin %j",
    async (stdin) => {
      await using _ = await startTwoClouds();
      await using terminal = onTerminal(execNoting(stdin));
      await vi.waitFor(() => expect(read("pid")).not.toBe(""), { timeout: 15_000 });
      const expected = ["INT", "QUIT", "INT", "QUIT", "INT", "QUIT"];
      for (const [index, name] of expected.entries()) {
        terminal.type(name === "INT" ? CTRL_C : CTRL_BACKSLASH);
        await vi.waitFor(() => expect(read("got").split("\n").length).toBeGreaterThan(index + 1), { timeout: 5_000 });
        // A second one would come right after the first.
        await sleep(200);
      }
      expect(read("got").trim().split("\n")).toEqual(expected);
      writeFileSync(path("go"), "");
    },
  );

  it("passes on what another process sends when it does not run in the foreground", async () => {
    await using _ = await startTwoClouds();
    const exec = execNoting("< /dev/null");
    // `set -m` gives a job in the background a process group of its own.
    await using _terminal = onTerminal(`bash -c 'set -m; ${exec} & wait'`);
    await vi.waitFor(() => expect(read("pid")).not.toBe(""), { timeout: 15_000 });
    const parent = Number(/^\d+ \(.*\) \S (\d+)/.exec(readFileSync(`/proc/${read("pid").trim()}/stat`, "utf8"))?.[1]);
    for (const signal of ["SIGINT", "SIGHUP"] as const) {
      process.kill(parent, signal);
      await vi.waitFor(() => expect(read("got")).toContain(signal.slice(3)), { timeout: 5_000 });
    }
    writeFileSync(path("go"), "");
  });
});

describe("serve on a terminal", () => {
  it("ends when the terminal is closed, although SIGHUP alone gets new sessions", async () => {
    await using clouds = await startTwoClouds();
    const file = path("authorization");
    const command = `bash -c '${process.execPath} dist/cli.cjs serve ${ROLE_ARN} --region us-east-1 --token-file ${file}'`;
    await using terminal = onTerminal(command);
    await vi.waitFor(() => expect(clouds.sts.sessionCount()).toBe(1), { timeout: 15_000 });
    await vi.waitFor(() => expect(existsSync(file)).toBe(true));
    await terminal.end();
    await vi.waitFor(() => expect(existsSync(file)).toBe(false), { timeout: 5_000 });
  });
});
