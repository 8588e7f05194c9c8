import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { runChild } from "../../src/cli/exec.js";

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "run-child-"));
});
afterEach(() => rm(directory, { recursive: true }));

/** Starts a shell that ends with 3 at the signal, and gives what this process would do at it. */
async function startTrapping(signal: "SIGINT" | "SIGUSR2") {
  const ready = join(directory, "ready");
  const script = `trap 'exit 3' ${signal.slice(3)}; touch ${ready}; while [ ! -e ${directory}/go ]; do sleep 0.02; done; exit 4`;
  const before = process.listeners(signal);
  const outcome = runChild(["sh", "-c", script], process.env, process);
  await vi.waitFor(() => expect(existsSync(ready)).toBe(true), { timeout: 5_000 });
  const added = process.listeners(signal).filter((listener) => !before.includes(listener));
  return { outcome, send: () => added.forEach((listener) => void listener(signal)) };
}

describe("runChild", () => {
  it.each(["SIGUSR2", "SIGINT"] as const)("passes %s on, and listens to it no more at the end", async (signal) => {
    const count = process.listenerCount(signal);
    const { outcome, send } = await startTrapping(signal);
    send();
    expect(await outcome).toBe(3);
    expect(process.listenerCount(signal)).toBe(count);
  });
});
