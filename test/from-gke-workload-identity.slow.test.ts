import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, it, vi } from "vitest";
import { type RunningProgram, startProgram } from "./support/run-node.js";
import { startTwoClouds, type TwoClouds } from "./support/two-clouds.js";

const FROZEN_MS = 2_200;
const TIMEOUT_MS = 1_500;

/** What each program starts with. Another provider loads the packages, so that the time limit is not spent on that. */
const PROLOGUE = `
import { fromGkeWorkloadIdentity } from "gke-aws-credentials";
await fromGkeWorkloadIdentity()();
const provider = fromGkeWorkloadIdentity({ timeoutMs: ${TIMEOUT_MS} });
const say = (text) => process.stdout.write(text + "\\n");
const line = () => new Promise((resolve) => process.stdin.once("data", resolve));
const MINUTE = 60_000;
let moved = 0;
const monotonic = performance.now.bind(performance);
performance.now = () => monotonic() + moved;
/** Moves the monotonic clock alone: STS, in another process, goes by the other one. */
const moveOn = (ms) => {
  moved += ms;
};
say("loaded");
await line();
`;

/** Both servers, and a program that has loaded its packages and waits for a line. */
async function start(source: string) {
  const clouds = await startTwoClouds();
  vi.stubEnv("AWS_REGION", "us-east-1");
  const program = startProgram(["--input-type=module", "-e", PROLOGUE + source], { stdin: "pipe" });
  await hasSaid(program, "loaded");
  const stop = async (): Promise<void> => {
    await program[Symbol.asyncDispose]();
    await clouds[Symbol.asyncDispose]();
  };
  return { clouds, program, [Symbol.asyncDispose]: stop };
}

const until = (isTrue: () => boolean): Promise<void> =>
  vi.waitFor(() => expect(isTrue()).toBe(true), { timeout: 10_000, interval: 5 });
const go = ({ child }: RunningProgram) => child.stdin?.write("\n");
const hasSaid = (program: RunningProgram, text: string) => until(() => program.stdout().includes(text));

async function freeze({ child }: RunningProgram): Promise<void> {
  child.kill("SIGSTOP");
  await sleep(FROZEN_MS);
  child.kill("SIGCONT");
}

const exchanges = ({ sts }: TwoClouds): number =>
  sts.requests.filter(({ action }) => action === "AssumeRoleWithWebIdentity").length;

afterEach(() => vi.unstubAllEnvs());

describe("a process that stands still for longer than its time limit", () => {
  it("gives all requests credentials when it was stopped in the middle of the first exchange", async () => {
    await using started = await start(`
      const requests = [provider(), provider(), provider({ forceRefresh: true })];
      say((await Promise.all(requests)).map(({ accessKeyId }) => accessKeyId.slice(0, 4)).join());
      process.exit();
    `);
    const { clouds, program } = started;
    clouds.sts.injectFault({ kind: "latency", ms: 300 });
    go(program);
    await until(() => exchanges(clouds) === 2);
    await freeze(program);
    expect(await program.done).toMatchObject({ code: 0, stderr: "", stdout: "loaded\nASIA,ASIA,ASIA\n" });
    // The answer that had arrived meanwhile was read.
    expect(exchanges(clouds)).toBe(2);
  });

  it("gives a request credentials when its event loop was blocked during the exchange", async () => {
    await using started = await start(`
      const request = provider();
      await line();
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ${FROZEN_MS});
      say((await request).accessKeyId.slice(0, 4));
      process.exit();
    `);
    const { clouds, program } = started;
    clouds.sts.injectFault({ kind: "latency", ms: 300 });
    go(program);
    await until(() => exchanges(clouds) === 2);
    go(program);
    expect(await program.done).toMatchObject({ code: 0, stderr: "", stdout: "loaded\nASIA\n" });
    expect(exchanges(clouds)).toBe(2);
  });

  it("gives the next request credentials when it was frozen between requests, during a refresh", async () => {
    await using started = await start(`
      await provider();
      say("first");
      await line();
      // The refresh in the background begins at the end of a request.
      moveOn(58 * MINUTE);
      await provider();
      await line();
      // The session ended while the process was frozen.
      moveOn(2 * MINUTE);
      say((await provider()).accessKeyId.slice(0, 4));
      process.exit();
    `);
    const { clouds, program } = started;
    go(program);
    await hasSaid(program, "first");
    clouds.sts.injectFault({ kind: "latency", ms: 300 });
    go(program);
    await until(() => exchanges(clouds) === 3);
    program.child.kill("SIGSTOP");
    go(program);
    await freeze(program);
    expect(await program.done).toMatchObject({ code: 0, stderr: "", stdout: "loaded\nfirst\nASIA\n" });
  });
});

describe("a program that has finished", () => {
  it.each(["STS", "the metadata server"])(
    "ends with its time limit when a refresh in the background hangs at %s",
    async (where) => {
      await using started = await start(`
      await provider();
      say("first");
      await line();
      process.stdin.destroy();
      moveOn(58 * MINUTE);
      await provider();
      // So that the refresh is under way.
      await new Promise((resolve) => setTimeout(resolve, 300));
      const end = performance.now();
      process.on("exit", () => say("after " + Math.round(performance.now() - end)));
    `);
      const { clouds, program } = started;
      go(program);
      await hasSaid(program, "first");
      const hang = { kind: "hang" } as const;
      if (where === "STS") clouds.sts.injectFault(hang);
      else clouds.metadata.injectFault(hang);
      go(program);
      const { code, stdout, stderr } = await program.done;
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      expect(Number(/after (\d+)/.exec(stdout)?.[1])).toBeLessThan(TIMEOUT_MS + 200);
    },
  );

  it("keeps running while a request waits", async () => {
    await using started = await start(`
      process.stdin.destroy();
      say((await provider()).accessKeyId.slice(0, 4));
    `);
    const { clouds, program } = started;
    clouds.sts.injectFault({ kind: "latency", ms: 500 });
    go(program);
    expect(await program.done).toMatchObject({ code: 0, stderr: "", stdout: "loaded\nASIA\n" });
  });
});

describe("the store of the first request", () => {
  it("is freed, though keepFresh goes on refreshing", async () => {
    await using _clouds = await startTwoClouds();
    vi.stubEnv("AWS_REGION", "us-east-1");
    const program = `
      import { AsyncLocalStorage } from "node:async_hooks";
      import { fromGkeWorkloadIdentity } from "gke-aws-credentials";
      const requests = new AsyncLocalStorage();
      let store = { bytes: new Uint8Array(1_000_000) };
      const isFreed = new WeakRef(store);
      const provider = await requests.run(store, async () => {
        const made = fromGkeWorkloadIdentity({ keepFresh: true });
        await made();
        return made;
      });
      store = undefined;
      for (let turn = 0; turn < 20 && isFreed.deref(); turn += 1) {
        await new Promise((resolve) => setTimeout(resolve, 50));
        gc();
      }
      console.log(isFreed.deref() ? "kept" : "freed", (await provider()).accessKeyId.slice(0, 4));
      process.exit();
    `;
    const { stdout, stderr } = await startProgram(["--expose-gc", "--input-type=module", "-e", program]).done;
    expect({ stdout, stderr }).toEqual({ stdout: "freed ASIA\n", stderr: "" });
  });
});
