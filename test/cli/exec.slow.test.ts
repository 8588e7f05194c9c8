import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { describe, expect, it, vi } from "vitest";
import { runNode, startProgram } from "../support/run-node.js";
import { startTwoClouds } from "../support/two-clouds.js";

const EXEC = ["dist/cli.cjs", "exec", "--region", "us-east-1"];
const inNode = (program: string): string[] => [
  "--",
  process.execPath,
  "--no-warnings",
  "--input-type=module",
  "-e",
  program,
];

describe("exec, as a program of its own", () => {
  it("gives its command a session by the container protocol, and takes conflicting variables away", async () => {
    await using clouds = await startTwoClouds();
    const program = `
      import { fromHttp } from "@aws-sdk/credential-providers";
      const { accessKeyId } = await fromHttp()();
      const names = Object.keys(process.env).filter((name) => name.startsWith("AWS_")).sort();
      console.log(JSON.stringify({ accessKeyId, names }));`;
    const { code, stdout, stderr } = await runNode([...EXEC, ...inNode(program)], {
      env: {
        AWS_ACCESS_KEY_ID: "AKIDOLD",
        AWS_SECRET_ACCESS_KEY: "old",
        AWS_SESSION_TOKEN: "old",
        AWS_PROFILE: "old",
        AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: "/old",
        AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: "/old",
        AWS_SHARED_CREDENTIALS_FILE: "/old",
        AWS_CA_BUNDLE: undefined,
      },
    });
    // The SDK for JavaScript says that it takes the file where both are set. Rust's object_store knows the file alone.
    expect([code, stderr]).toEqual([
      0,
      expect.stringMatching(/^.*have set both.*\n.*TokenFile will take precedence\.\n$/),
    ]);
    expect(JSON.parse(stdout)).toEqual({
      accessKeyId: expect.stringMatching(/^ASIA/),
      names: [
        "AWS_CONFIG_FILE",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_DEFAULT_REGION",
        "AWS_EC2_METADATA_DISABLED",
        "AWS_ENDPOINT_URL_STS",
        "AWS_REGION",
        "AWS_SHARED_CREDENTIALS_FILE",
      ],
    });
    expect(clouds.sts.sessionCount()).toBe(1);
  });

  it.each([
    ["its exit code", ["sh", "-c", "exit 7"], 7],
    ["an end by a signal, as a shell says it", ["sh", "-c", "kill -TERM $$"], 143],
    ["that it is not there", ["no-such-command"], 127],
    ["that it may not be run", ["./package.json"], 126],
    ["flags of its own", ["sh", "-c", 'test "$1 $2" = "--region x"', "sh", "--region", "x"], 0],
  ])("passes on %s", async (_, command, expected) => {
    await using _clouds = await startTwoClouds();
    expect((await runNode([...EXEC, "--", ...command])).code).toBe(expected);
  });

  it("passes stdin and stdout through", async () => {
    await using _ = await startTwoClouds();
    await using program = startProgram([...EXEC, "--", "cat"], { stdin: "pipe" });
    program.child.stdin?.end("what goes in\n");
    expect(await program.done).toMatchObject({ code: 0, stdout: "what goes in\n", stderr: "" });
  });

  it.each(["SIGTERM", "SIGINT", "SIGHUP", "SIGUSR2"] as const)(
    "passes %s on, and waits for the command's own end",
    async (signal) => {
      await using _ = await startTwoClouds();
      const script = `trap 'echo got; exit 3' ${signal.slice(3)}; echo ready; while :; do sleep 0.05; done`;
      await using program = startProgram([...EXEC, "--", "bash", "-c", script]);
      await vi.waitFor(() => expect(program.stdout()).toBe("ready\n"), { timeout: 5_000 });
      program.child.kill(signal);
      expect(await program.done).toMatchObject({ code: 3, stdout: "ready\ngot\n" });
    },
  );

  it("does not run its command when an old AWS_WEB_IDENTITY_TOKEN_FILE leads nowhere", async () => {
    await using clouds = await startTwoClouds();
    const env = { AWS_WEB_IDENTITY_TOKEN_FILE: "/var/run/secrets/eks.amazonaws.com/serviceaccount/token" };
    const { code, stdout, stderr } = await runNode([...EXEC, "--", "echo", "ran"], {
      env: { ...env, KUBERNETES_SERVICE_HOST: "10.0.0.1" },
    });
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toContain("WEB_IDENTITY_TOKEN_FILE_MISSING");
    expect(stderr).toContain("unset AWS_WEB_IDENTITY_TOKEN_FILE");
    expect(clouds.sts.sessionCount()).toBe(0);
  });

  it("leaves no process and no port behind", async () => {
    await using _ = await startTwoClouds();
    // An argument of this test alone, since others run exec meanwhile.
    const mark = randomUUID();
    const script = "echo $AWS_CONTAINER_CREDENTIALS_FULL_URI; ps -eo args";
    const { stdout } = await runNode([...EXEC, "--", "sh", "-c", script, mark]);
    expect(stdout).toContain(mark);
    await expect(fetch(stdout.split("\n")[0] ?? "")).rejects.toThrow("fetch failed");
    expect(execFileSync("ps", ["-eo", "args"]).toString()).not.toContain(mark);
  });
});
