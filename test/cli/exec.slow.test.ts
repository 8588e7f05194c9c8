import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { describe, expect, it, vi } from "vitest";
import { runCommand, startCommand } from "../support/run-node.js";
import { startTwoClouds } from "../support/two-clouds.js";

const EXEC = ["exec", "--region", "us-east-1", "--"];

describe("exec, as a program of its own", () => {
  it("passes stdin and stdout through", async () => {
    await using _ = await startTwoClouds();
    await using program = startCommand([...EXEC, "cat"], { stdin: "pipe" });
    program.child.stdin?.end("what goes in\n");
    expect(await program.done).toMatchObject({ code: 0, stdout: "what goes in\n", stderr: "" });
  });

  it.each(["SIGTERM", "SIGINT", "SIGHUP", "SIGUSR2"] as const)(
    "passes %s on, and waits for the command's own end",
    async (signal) => {
      await using _ = await startTwoClouds();
      const script = `trap 'echo got; exit 3' ${signal.slice(3)}; echo ready; while :; do sleep 0.05; done`;
      await using program = startCommand([...EXEC, "bash", "-c", script]);
      await vi.waitFor(() => expect(program.stdout()).toBe("ready\n"), { timeout: 5_000 });
      program.child.kill(signal);
      expect(await program.done).toMatchObject({ code: 3, stdout: "ready\ngot\n" });
    },
  );

  it("leaves no process and no port behind", async () => {
    await using _ = await startTwoClouds();
    // An argument of this test alone, since others run exec meanwhile.
    const mark = randomUUID();
    const script = "echo $AWS_CONTAINER_CREDENTIALS_FULL_URI; ps -eo args";
    const { stdout } = await runCommand([...EXEC, "sh", "-c", script, mark]);
    expect(stdout).toContain(mark);
    await expect(fetch(stdout.split("\n")[0] ?? "")).rejects.toThrow("fetch failed");
    expect(execFileSync("ps", ["-eo", "args"]).toString()).not.toContain(mark);
  });
});
