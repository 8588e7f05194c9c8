import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { run } from "../../src/cli/program.js";
import { cli } from "../support/cli.js";
import { variablesOf } from "../support/serve-client.js";
import { ROLE, ROLE_ARN, startTwoClouds } from "../support/two-clouds.js";
import { withResolvers } from "../support/with-resolvers.js";

const OTHER_ARN = "arn:aws:iam::123456789012:role/writer";
const REGION = ["--region", "us-east-1"];

describe("serve", () => {
  it("writes its token to a file for its owner alone, and takes it away at the end", async () => {
    await using clouds = await startTwoClouds({ roles: [ROLE, { ...ROLE, arn: OTHER_ARN }] });
    const directory = await mkdtemp(join(tmpdir(), "serve-"));
    const file = join(directory, "token");
    const stopped = withResolvers();
    const untilStopped = async () => {
      const token = await readFile(file, "utf8");
      expect([(await stat(file)).mode & 0o777, token.length]).toEqual([0o600, 43]);
      expect(await readFile(`${file}.writer`, "utf8")).not.toBe(token);
      await vi.waitFor(() => expect(clouds.sts.sessionCount()).toBe(2), { timeout: 10_000 });
      stopped.resolve();
    };
    const done = cli(
      ["serve", ...REGION, "--token-file", relative(".", file), "--role", `writer=${OTHER_ARN}`],
      {},
      { untilStopped },
    );
    await stopped.promise;
    const { code, stdout, stderr } = await done;
    const { uris, token, tokenFile } = variablesOf(stdout);
    expect(stderr).toMatch(/^(\/(roles\/writer)?: New session until \S+Z\.\n){1,2}$/);
    expect([code, token, tokenFile, uris.map((uri) => new URL(uri).pathname)]).toEqual([
      0,
      undefined,
      file,
      ["/", "/roles/writer"],
    ]);
    expect(await readdir(directory)).toEqual([]);
    await expect(fetch(uris[0]!)).rejects.toThrow();
    await rm(directory, { recursive: true });
  });

  it("answers who waits when it is told to stop, and tells nothing more of its roles", async () => {
    await using clouds = await startTwoClouds({ roles: [] });
    clouds.metadata.injectFault({ kind: "latency", ms: 200 });
    let [stdout, stderr, answer] = ["", "", ""];
    const untilStopped = async () => {
      const { uris, token } = variablesOf(stdout);
      const { host, port } = new URL(uris[0]!);
      const socket = connect(Number(port), "127.0.0.1").on("data", (chunk) => {
        answer += chunk;
      });
      await once(socket, "connect");
      socket.write(`GET / HTTP/1.1\r\nHost: ${host}\r\nAuthorization: ${token}\r\n\r\n`);
      // The server takes the connection on the next turn of the event loop.
      for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    };
    const code = await run(["serve", ...REGION, "--print-token"], {
      stdout: { write: (text) => (stdout += text) },
      stderr: { write: (text) => (stderr += text) },
      untilStopped,
    });
    await vi.waitFor(() => expect(answer).toMatch(/^HTTP\/1\.1 403 [\s\S]*STS_ACCESS_DENIED/));
    expect([code, stderr]).toEqual([0, ""]);
  });

  it("gives the token's file the mode of --file-mode", async () => {
    await using _ = await startTwoClouds();
    const directory = await mkdtemp(join(tmpdir(), "serve-"));
    const file = join(directory, "token");
    let mode: number | undefined;
    const untilStopped = async () => {
      mode = (await stat(file)).mode & 0o777;
    };
    await cli(["serve", ...REGION, "--token-file", file, "--file-mode", "640"], {}, { untilStopped });
    expect(mode).toBe(0o640);
    await rm(directory, { recursive: true });
  });

  it("tells on stderr for which role there are no credentials, and tries again", async () => {
    await using _ = await startTwoClouds();
    const stopped = withResolvers();
    let stderr = "";
    const done = run(["serve", ...REGION, "--print-token", "--role", `writer=${OTHER_ARN}`], {
      stdout: { write: () => true },
      stderr: { write: (text) => (stderr += text) },
      untilStopped: () => stopped.promise,
    });
    await vi.waitFor(() => expect(stderr).toContain("Failure 2 in a row"), 10_000);
    stopped.resolve();
    expect(await done).toBe(0);
    expect(stderr).toMatch(
      /^\/roles\/writer: .*STS_ACCESS_DENIED.* Trying again in \d+ s\. .+\n\/roles\/writer: .* Failure 2 in a row\. Trying again in \d+ s\.\n/m,
    );
  });

  it("goes on serving for --drain-seconds after it was told to stop, and then ends", async () => {
    await using _ = await startTwoClouds();
    const start = performance.now();
    const { code } = await cli(["serve", ...REGION, "--print-token", "--drain-seconds", "1"]);
    expect(code).toBe(0);
    expect(performance.now() - start).toBeGreaterThan(990);
  });

  it.each([
    ["the argument's role alone", [ROLE_ARN], ["", ""]],
    ["one named role alone", ["--role", `reader=${ROLE_ARN}`], ["", "/roles/reader"]],
    ["a main role and a named one", [ROLE_ARN, "--role", `reader=${ROLE_ARN}`], ["", "", "_READER", "/roles/reader"]],
    [
      "named roles alone",
      ["--role", `a=${ROLE_ARN}`, "--role", `b.c=${ROLE_ARN}`],
      ["_A", "/roles/a", "_B_C", "/roles/b.c"],
    ],
  ])("prints an env file in which no variable stands twice, for %s", async (_, args, expected) => {
    await using clouds = await startTwoClouds();
    const { stdout } = await cli(["serve", ...REGION, "--print-token", ...args], { AWS_ROLE_ARN: "" });
    const names = stdout
      .trim()
      .split("\n")
      .map((line) => line.split("=")[0]);
    expect(new Set(names).size).toBe(names.length);
    const uris = [...stdout.matchAll(/^AWS_CONTAINER_CREDENTIALS_FULL_URI(\w*)=http:\/\/127\.0\.0\.1:\d+(.*)$/gm)];
    expect(uris.flatMap(([, suffix, path]) => [suffix, path === "/" ? "" : path])).toEqual(expected);
    expect(stdout.match(/^AWS_CONTAINER_AUTHORIZATION_TOKEN/gm)).toHaveLength(expected.length / 2);
    expect(clouds.sts.requests.every(({ error }) => error === undefined)).toBe(true);
  });

  it.each([
    [["--token-file", "x", "--print-token"], "not both"],
    [["--file-mode", "666"], "everybody write"],
    [["--drain-seconds", "-1"], "0 to 3600"],
    [["--role", `a.b=${ROLE_ARN}`, "--role", `a-b=${ROLE_ARN}`], "variables of one name"],
    [["--port", "70000"], "0 to 65535"],
    [["--role", "reader"], "NAME=ARN"],
    [["--role", `a/b=${ROLE_ARN}`], "NAME=ARN"],
    [["--role", `a=${ROLE_ARN}`, "--role", `a=${ROLE_ARN}`], "two roles named a"],
    [["--role", "a=nonsense"], "roleArn must be the ARN of an IAM role"],
    [["nonsense"], "roleArn must be the ARN of an IAM role"],
    [[], "MISSING_ROLE_ARN"],
  ])("%j is wrong usage", async (flags, text) => {
    const { code, stdout, stderr } = await cli(["serve", "--print-token", ...flags], { AWS_ROLE_ARN: "" });
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
