import { execFile } from "node:child_process";
import { mkdtemp } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** Seen to take 15 s. */
const UP_LIMIT_S = 120;
const DOWN_LIMIT_S = 40;

export interface RadosGateway extends AsyncDisposable {
  /** S3, STS and IAM at one address; the administrator's keys are ADMIN and ADMINSECRET. */
  readonly url: string;
  /** Ends the gateway, and starts it again: roles, buckets and objects stay. */
  readonly stop: () => Promise<void>;
  readonly start: () => Promise<void>;
}

/** Boots Ceph's RADOS Gateway on loopback. Needs root and its Debian packages. */
export async function startRadosGateway(): Promise<RadosGateway> {
  const directory = await mkdtemp(join(tmpdir(), "radosgw-"));
  const script = (name: string): string => join(import.meta.dirname, name);
  const stop = async (): Promise<void> => {
    await run("timeout", ["--kill-after=5", String(DOWN_LIMIT_S), script("down.sh"), directory]);
  };
  try {
    const port = String(await freePort());
    const { stdout } = await run("timeout", ["--kill-after=5", String(UP_LIMIT_S), script("up.sh"), directory, port]);
    const restart = async (what: "start" | "stop"): Promise<void> => {
      await run("timeout", ["--kill-after=5", String(DOWN_LIMIT_S), script("restart.sh"), what, directory, port]);
    };
    return {
      url: stdout.trim().split("\n").at(-1) ?? "",
      stop: () => restart("stop"),
      start: () => restart("start"),
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === "object" && address ? address.port : 0;
}
