import { mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { Agent, request as httpRequest } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { cli } from "../support/cli.js";
import { type RunningProgram, startProgram } from "../support/run-node.js";
import { ROLE, ROLE_ARN, startTwoClouds } from "../support/two-clouds.js";
import { withResolvers } from "../support/with-resolvers.js";

const OTHER_ARN = "arn:aws:iam::123456789012:role/writer";
const REGION = ["--region", "us-east-1"];

/** The variables that a server has printed. */
const variablesOf = (stdout: string) => ({
  uris: [...stdout.matchAll(/^AWS_CONTAINER_CREDENTIALS_FULL_URI=(.*)$/gm)].map(([, uri = ""]) => uri),
  token: /^AWS_CONTAINER_AUTHORIZATION_TOKEN=(.*)$/m.exec(stdout)?.[1],
  tokenFile: /^AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=(.*)$/m.exec(stdout)?.[1],
});

async function started(program: RunningProgram) {
  await vi.waitFor(() => expect(program.stdout()).toMatch(/^AWS_CONTAINER_AUTHORIZATION_TOKEN/m), { timeout: 5_000 });
  return variablesOf(program.stdout());
}

const ask = async (uri: string, token: string) => {
  const answer = await fetch(uri, { headers: { Authorization: token } });
  return { status: answer.status, body: (await answer.json()) as Record<string, string> };
};

describe("serve", () => {
  it("prints the variables to set, and serves the role there", async () => {
    await using clouds = await startTwoClouds();
    await using program = startProgram(["dist/cli.cjs", "serve", ...REGION]);
    const { uris, token = "" } = await started(program);
    expect(uris).toEqual([expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/$/)]);
    expect(token.length).toBeGreaterThanOrEqual(43);
    const { status, body } = await ask(uris[0]!, token);
    expect([status, body.AccessKeyId?.slice(0, 4), body.AccountId]).toEqual([200, "ASIA", "123456789012"]);
    await ask(uris[0]!, token);
    expect(clouds.sts.sessionCount()).toBe(1);
    program.child.kill("SIGTERM");
    const { code, stderr } = await program.done;
    expect([code, stderr]).toEqual([0, ""]);
  });

  it("writes its token to a file for its owner alone, and takes it away at the end", async () => {
    await using clouds = await startTwoClouds({ roles: [ROLE, { ...ROLE, arn: OTHER_ARN }] });
    const directory = await mkdtemp(join(tmpdir(), "serve-"));
    const file = join(directory, "token");
    const stopped = withResolvers();
    const untilStopped = async () => {
      const token = await readFile(file, "utf8");
      expect([(await stat(file)).mode & 0o777, token.length]).toEqual([0o600, 43]);
      await vi.waitFor(() => expect(clouds.sts.sessionCount()).toBe(2));
      stopped.resolve();
    };
    const done = cli(["serve", ...REGION, "--token-file", file, "--role", `writer=${OTHER_ARN}`], {}, { untilStopped });
    await stopped.promise;
    const { code, stdout, stderr } = await done;
    const { uris, token, tokenFile } = variablesOf(stdout);
    expect([code, stderr, token, tokenFile, uris.map((uri) => new URL(uri).pathname)]).toEqual([
      0,
      "",
      undefined,
      file,
      ["/", "/roles/writer"],
    ]);
    expect(await readdir(directory)).toEqual([]);
    await rm(directory, { recursive: true });
  });

  it("tells on stderr which role cannot be had, and goes on trying", async () => {
    await using clouds = await startTwoClouds();
    const stopped = withResolvers();
    const flags = ["--role", `writer=${OTHER_ARN}`];
    const done = cli(["serve", ...REGION, ...flags], {}, { untilStopped: () => stopped.promise });
    await vi.waitFor(() => expect(clouds.sts.requests.filter(({ error }) => error).length).toBeGreaterThan(1), 5_000);
    stopped.resolve();
    const { code, stderr } = await done;
    expect(code).toBe(0);
    expect(stderr).toMatch(/^\/roles\/writer: STS_ACCESS_DENIED: [\s\S]*Trying again in \d+ s\.\n/);
  });

  it("starts where a role is refused, says why on stderr, and answers with it", async () => {
    await using _ = await startTwoClouds({ roles: [] });
    await using program = startProgram(["dist/cli.cjs", "serve", ...REGION]);
    const { uris, token = "" } = await started(program);
    const { status, body } = await ask(uris[0]!, token);
    expect([status, body.code]).toEqual([403, "STS_ACCESS_DENIED"]);
    program.child.kill("SIGINT");
    const { code, stderr } = await program.done;
    expect(code).toBe(0);
    expect(stderr).toMatch(/^\/: STS_ACCESS_DENIED: [\s\S]*Trying again in \d+ s\./);
  });

  it("refreshes ahead also when nobody asks", async () => {
    await using clouds = await startTwoClouds({ sessionSeconds: 12 });
    const stopped = withResolvers();
    const done = cli(["serve", ...REGION], {}, { untilStopped: () => stopped.promise });
    await vi.waitFor(() => expect(clouds.sts.sessionCount()).toBe(2), { timeout: 15_000 });
    stopped.resolve();
    expect((await done).code).toBe(0);
  });

  it.each([
    [["--port", "70000"], "0 to 65535"],
    [["--role", "reader"], "NAME=ARN"],
    [["--role", `a/b=${ROLE_ARN}`], "NAME=ARN"],
    [["--role", `a=${ROLE_ARN}`, "--role", `a=${ROLE_ARN}`], "two roles named a"],
    [["--role", "a=nonsense"], 'roleArn is "nonsense"'],
    [["nonsense"], 'roleArn is "nonsense"'],
    [[], "MISSING_ROLE_ARN"],
  ])("%j is wrong usage", async (flags, text) => {
    const { code, stdout, stderr } = await cli(["serve", ...flags], { AWS_ROLE_ARN: "" });
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toContain(text);
  });

  it("fails by its name where the token's file cannot be written, and ends", async () => {
    await using _ = await startTwoClouds();
    const { code, stdout, stderr } = await cli(["serve", ...REGION, "--token-file", tmpdir()]);
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toContain(`${tmpdir()} cannot be written: it is a directory`);
  });
});

describe("serve under load, while STS fails half of its calls", () => {
  it("answers 5,000 requests from 50 connections rightly, keeps its memory, and loses none at SIGTERM", async () => {
    await using clouds = await startTwoClouds({ sessionSeconds: 7 });
    await using program = startProgram(["dist/cli.cjs", "serve", ...REGION], { limitMs: 40_000 });
    const { uris, token = "" } = await started(program);
    const uri = new URL(uris[0]!);
    await ask(uris[0]!, token);

    // Every second call of STS fails.
    let calls = clouds.sts.requests.length;
    const alternate = setInterval(() => {
      if (clouds.sts.requests.length === calls) return;
      calls = clouds.sts.requests.length;
      if (clouds.sts.requests.at(-1)?.error === undefined)
        clouds.sts.injectFault({ kind: "status", status: 503 }, { times: 1 });
    }, 5);

    const agent = new Agent({ keepAlive: true, maxSockets: 50 });
    const counts = { right: 0, refused: 0, wrong: [] as unknown[], lost: [] as unknown[], tooLate: 0 };
    let isTerminated = false;
    const request = (authorization: string | undefined) =>
      new Promise<void>((resolve) => {
        const headers = authorization === undefined ? {} : { Authorization: authorization };
        const sent = httpRequest({ host: uri.hostname, port: uri.port, path: "/", agent, headers }, (response) => {
          let text = "";
          response.setEncoding("utf8");
          response.on("data", (chunk) => {
            text += chunk;
          });
          response.on("error", (error) => counts.lost.push(error));
          response.on("close", () => {
            const isLive = () => {
              const { SecretAccessKey, Expiration } = JSON.parse(text);
              return clouds.sts.issuedSecrets().includes(SecretAccessKey) && Date.parse(Expiration) > Date.now();
            };
            if (authorization === token && response.statusCode === 200 && isLive()) counts.right += 1;
            else if (authorization !== token && response.statusCode === 401 && !text.includes("ASIA"))
              counts.refused += 1;
            else counts.wrong.push([response.statusCode, authorization === token, text.slice(0, 40)]);
            resolve();
          });
        });
        sent.on("error", (error) => {
          // A new connection after the end is refused; one that was open is answered.
          if (isTerminated && !sent.reusedSocket) counts.tooLate += 1;
          else counts.lost.push(error);
          resolve();
        });
        sent.end();
      });
    const residentMb = async () =>
      (Number((await readFile(`/proc/${program.child.pid}/statm`, "utf8")).split(" ")[1]) * 4096) / 1e6;

    const worker = async (requests: number) => {
      for (let sent = 0; sent < requests; sent += 1) {
        await request(sent % 10 === 9 ? [undefined, "wrong"][sent % 2] : token);
        await new Promise((resolve) => setTimeout(resolve, 60));
      }
    };
    const wave = (requests: number) => Promise.all(Array.from({ length: 50 }, () => worker(requests)));
    await wave(50);
    const before = await residentMb();
    await wave(70);
    const after = await residentMb();
    expect(counts.right + counts.refused).toBe(6_000);
    expect(after).toBeLessThan(before * 1.3);
    expect(clouds.sts.sessionCount()).toBeGreaterThan(1);

    const last = wave(20);
    await new Promise((resolve) => setTimeout(resolve, 200));
    isTerminated = true;
    program.child.kill("SIGTERM");
    await last;
    clearInterval(alternate);
    agent.destroy();
    expect([counts.wrong, counts.lost]).toEqual([[], []]);
    expect(counts.tooLate).toBeGreaterThan(0);
    expect((await program.done).code).toBe(0);
  }, 45_000);
});
