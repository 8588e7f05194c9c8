import { once } from "node:events";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { connect } from "node:net";
import { relative } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { run } from "../../src/cli/program.js";
import { cli } from "../support/cli.js";
import { variablesOf } from "../support/serve-client.js";
import { ROLE, ROLE_ARN, startTwoClouds } from "../support/two-clouds.js";
import { useDirectory } from "../support/use-directory.js";
import { withResolvers } from "../support/with-resolvers.js";

const OTHER_ARN = "arn:aws:iam::123456789012:role/writer";
const SERVE = ["serve", "--region", "us-east-1"];
const path = useDirectory();
const mode = () => statSync(path("token")).mode & 0o777;

describe("serve", () => {
  it("writes the token of each role to a file for its owner alone, and takes it away at the end", async () => {
    await using clouds = await startTwoClouds({ roles: [ROLE, { ...ROLE, arn: OTHER_ARN }] });
    const untilStopped = async () => {
      const token = readFileSync(path("token"), "utf8");
      expect([mode(), token.length]).toEqual([0o600, 43]);
      expect(readFileSync(path("token.writer"), "utf8")).not.toBe(token);
      await vi.waitFor(() => expect(clouds.sts.sessionCount()).toBe(2), { timeout: 10_000 });
    };
    const flags = ["--token-file", relative(process.cwd(), path("token")), "--role", `writer=${OTHER_ARN}`];
    const { code, stdout, stderr } = await cli([...SERVE, ...flags], {}, { untilStopped });
    const { uris, token, tokenFile } = variablesOf(stdout);
    expect(stderr).toMatch(/^(\/(roles\/writer)?: New session until \S+Z\.\n){1,2}$/);
    expect([code, token, tokenFile]).toEqual([0, undefined, path("token")]);
    expect(stdout).toContain(`AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE_WRITER=${path("token.writer")}\n`);
    expect(uris.map((uri) => new URL(uri).pathname)).toEqual(["/", "/roles/writer"]);
    expect(readdirSync(path())).toEqual([]);
    await expect(fetch(uris[0]!)).rejects.toThrow();
  });

  it("writes the token to the very file, with the mode of --file-mode, when a named role is the only one", async () => {
    await using _ = await startTwoClouds();
    const flags = ["--token-file", path("token"), "--file-mode", "640", "--role", `reader=${ROLE_ARN}`];
    let found: number | undefined;
    const untilStopped = async () => {
      found = mode();
    };
    const { stdout } = await cli([...SERVE, ...flags], { AWS_ROLE_ARN: "" }, { untilStopped });
    expect([found, variablesOf(stdout).tokenFile]).toEqual([0o640, path("token")]);
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
    const code = await run([...SERVE, "--print-token"], {
      stdout: { write: (text) => (stdout += text) },
      stderr: { write: (text) => (stderr += text) },
      untilStopped,
    });
    await vi.waitFor(() => expect(answer).toMatch(/^HTTP\/1\.1 403 [\s\S]*STS_ACCESS_DENIED/));
    expect([code, stderr]).toEqual([0, ""]);
  });

  it.each([
    [
      "text",
      /^\/roles\/writer: .*STS_ACCESS_DENIED.* Trying again in \d+ s\. .+\n\/roles\/writer: .* Failure 2 in a row\. Trying again in \d+ s\.\n/m,
    ],
    [
      "json",
      /^\{"time":"[^"]+Z","role":"arn:\S+writer","severity":"ERROR","message":"[^\n]+","code":"STS_ACCESS_DENIED","hint":"[^\n]+","nextTryAt":"[^"]+Z"\}\n/m,
    ],
  ])("tells on stderr, as %s, for which role there are no credentials, and tries again", async (format, expected) => {
    await using _ = await startTwoClouds();
    const stopped = withResolvers();
    let stderr = "";
    const flags = ["--print-token", "--log-format", format, "--role", `writer=${OTHER_ARN}`];
    const done = run([...SERVE, ...flags], {
      stdout: { write: () => true },
      stderr: { write: (text) => (stderr += text) },
      untilStopped: () => stopped.promise,
    });
    await vi.waitFor(() => expect(stderr).toContain("Failure 2 in a row"), 10_000);
    stopped.resolve();
    expect(await done).toBe(0);
    expect(stderr).toMatch(expected);
  });

  it("goes on serving for --drain-seconds after it was told to stop, and then ends", async () => {
    await using _ = await startTwoClouds();
    const start = performance.now();
    const { code } = await cli([...SERVE, "--print-token", "--drain-seconds", "1"]);
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
    const { stdout } = await cli([...SERVE, "--print-token", ...args], { AWS_ROLE_ARN: "" });
    const names = stdout.match(/^\w+(?==)/gm);
    expect(new Set(names).size).toBe(expected.length);
    const uris = [...stdout.matchAll(/^AWS_CONTAINER_CREDENTIALS_FULL_URI(\w*)=http:\/\/127\.0\.0\.1:\d+(.*)$/gm)];
    expect(uris.flatMap(([, suffix, path]) => [suffix, path === "/" ? "" : path])).toEqual(expected);
    expect(stdout.match(/^AWS_CONTAINER_AUTHORIZATION_TOKEN/gm)).toHaveLength(expected.length / 2);
    expect(clouds.sts.requests.every(({ error }) => error === undefined)).toBe(true);
  });

  it("fails by its name, and ends, when the token's file cannot be written", async () => {
    await using _ = await startTwoClouds();
    const { code, stdout, stderr } = await cli([...SERVE, "--token-file", path()]);
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toContain(`${path()} cannot be written: it is a directory`);
  });
});
