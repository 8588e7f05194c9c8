import { Agent, request as httpRequest } from "node:http";
import { describe, expect, it, vi } from "vitest";
import { cli } from "../support/cli.js";
import { residentMb, startCommand } from "../support/run-node.js";
import { ask, startedServe } from "../support/serve-client.js";
import { ROLE, startTwoClouds } from "../support/two-clouds.js";
import { withResolvers } from "../support/with-resolvers.js";

const SERVE = ["serve", "--region", "us-east-1", "--print-token"];

describe("serve, as a program of its own", () => {
  it("prints the variables to set, and serves the role there", async () => {
    await using clouds = await startTwoClouds();
    await using program = startCommand(SERVE);
    const { uris, token = "" } = await startedServe(program);
    expect(uris).toEqual([expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/$/)]);
    expect(token.length).toBeGreaterThanOrEqual(43);
    const { status, body } = await ask(uris[0]!, token);
    expect([status, body.AccessKeyId?.slice(0, 4), body.AccountId]).toEqual([200, "ASIA", "123456789012"]);
    await ask(uris[0]!, token);
    expect(clouds.sts.sessionCount()).toBe(1);
    program.child.kill("SIGTERM");
    const { code, stderr } = await program.done;
    expect([code, stderr]).toEqual([143, expect.stringMatching(/^\/: New session until \S+Z\.\n$/)]);
  });

  it("starts where a role is refused, says why on stderr, and answers with it", async () => {
    await using _ = await startTwoClouds({ roles: [] });
    await using program = startCommand(SERVE);
    const { uris, token = "" } = await startedServe(program);
    const { status, body } = await ask(uris[0]!, token);
    expect([status, body.code]).toEqual([403, "STS_ACCESS_DENIED"]);
    program.child.kill("SIGINT");
    const { code, stderr } = await program.done;
    expect(code).toBe(130);
    expect(stderr).toMatch(/^\/: .*STS_ACCESS_DENIED.* Trying again in \d+ s\./);
  });

  it("gets new sessions for all roles at SIGHUP, and goes on", async () => {
    const other = { ...ROLE, arn: "arn:aws:iam::123456789012:role/writer" };
    await using clouds = await startTwoClouds({ roles: [ROLE, other] });
    await using program = startCommand([...SERVE, "--role", `writer=${other.arn}`]);
    const { uris, token = "" } = await startedServe(program);
    await vi.waitFor(() => expect(clouds.sts.sessionCount()).toBe(2), { timeout: 5_000 });
    const before = await ask(uris[0]!, token);
    program.child.kill("SIGHUP");
    await vi.waitFor(() => expect(clouds.sts.sessionCount()).toBe(4), { timeout: 5_000 });
    await vi.waitFor(async () => {
      const { status, body } = await ask(uris[0]!, token);
      expect([status, body.AccessKeyId === before.body.AccessKeyId]).toEqual([200, false]);
    });
    program.child.kill("SIGTERM");
    expect((await program.done).code).toBe(143);
  });

  it("refreshes ahead also when nobody asks", async () => {
    await using clouds = await startTwoClouds({ sessionSeconds: 12 });
    const stopped = withResolvers();
    const done = cli(SERVE, {}, { untilStopped: () => stopped.promise });
    await vi.waitFor(() => expect(clouds.sts.sessionCount()).toBe(2), { timeout: 15_000 });
    stopped.resolve();
    expect((await done).code).toBe(0);
  });
});

describe("serve under load, while STS fails half of its calls", () => {
  it("answers 5,000 requests from 50 connections rightly, keeps its memory, and loses none at SIGTERM", async () => {
    await using clouds = await startTwoClouds({ sessionSeconds: 12 });
    await using program = startCommand(SERVE, { limitMs: 40_000 });
    const { uris, token = "" } = await startedServe(program);
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
          response.setEncoding("utf8").on("data", (chunk) => {
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
    const worker = async (requests: number) => {
      for (let sent = 0; sent < requests; sent += 1) {
        await request(sent % 10 === 9 ? [undefined, "wrong"][sent % 2] : token);
        await new Promise((resolve) => setTimeout(resolve, 60));
      }
    };
    const wave = (requests: number) => Promise.all(Array.from({ length: 50 }, () => worker(requests)));
    await wave(50);
    const before = residentMb(program);
    await wave(70);
    const after = residentMb(program);
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
    expect((await program.done).code).toBe(143);
  }, 45_000);
});
