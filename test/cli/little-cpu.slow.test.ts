import { spawn } from "node:child_process";
import { existsSync, mkdirSync, rmdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { expect, it, vi } from "vitest";
import { startTwoClouds } from "../support/two-clouds.js";

const PERIOD_US = 100_000;

/** A group of processes that share so many thousandths of a core; undefined where none can be made. */
function createCpuGroup(millis: number) {
  const quota = (millis * PERIOD_US) / 1_000;
  for (const [root, limits] of [
    ["/sys/fs/cgroup/cpu", { "cpu.cfs_period_us": `${PERIOD_US}`, "cpu.cfs_quota_us": `${quota}` }],
    ["/sys/fs/cgroup", { "cpu.max": `${quota} ${PERIOD_US}` }],
  ] as const) {
    const path = join(root, `gke-aws-credentials-${process.pid}`);
    try {
      mkdirSync(path);
      for (const [name, value] of Object.entries(limits)) writeFileSync(join(path, name), value);
      return { path, remove: () => rmdirSync(path) };
    } catch {
      if (existsSync(path)) rmdirSync(path);
    }
  }
  return undefined;
}

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address ? address.port : 0));
    });
  });

it("serve is ready within 30 s with a twentieth of a core, by a probe that starts no process", async ({ skip }) => {
  const group = createCpuGroup(50);
  if (!group) return skip("this process may not make a cgroup");
  await using clouds = await startTwoClouds();
  const port = await freePort();
  const flags = ["--region", "us-east-1", "--print-token", "--health-port", String(port)];
  // The shell goes into the group, and becomes the program.
  const script = `echo $$ > ${group.path}/cgroup.procs && exec ${process.execPath} dist/cli.cjs serve ${flags.join(" ")}`;
  const child = spawn("sh", ["-c", script], { stdio: "ignore", env: process.env });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const isReady = async () => expect((await fetch(`http://127.0.0.1:${port}/healthz`)).status).toBe(200);
  try {
    await vi.waitFor(isReady, { timeout: 30_000, interval: 500 });
    expect(clouds.sts.sessionCount()).toBe(1);
  } finally {
    child.kill("SIGKILL");
    await ended;
    group.remove();
  }
}, 60_000);
