import { describe, expect, it } from "vitest";
import { cli } from "../support/cli.js";
import { startTwoClouds } from "../support/two-clouds.js";

describe("exec", () => {
  it.each([
    ["its exit code", ["sh", "-c", "exit 7"], 7],
    ["an end by a signal, as a shell says it", ["sh", "-c", "kill -TERM $$"], 143],
    ["that it is not there", ["no-such-command"], 127],
    ["that it may not be run", ["./package.json"], 126],
    ["flags of its own", ["sh", "-c", 'test "$1 $2" = "--region x"', "sh", "--region", "x"], 0],
  ])("passes on %s", async (_, command, expected) => {
    await using _clouds = await startTwoClouds();
    expect((await cli(["exec", "--region", "us-east-1", "--", ...command])).code).toBe(expected);
  });

  it("does not run its command where the role is refused, and says how to fix it", async () => {
    await using _ = await startTwoClouds({ roles: [] });
    const { code, stdout, stderr } = await cli(["exec", "--region", "us-east-1", "--", "echo", "ran"]);
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toMatch(/^STS_ACCESS_DENIED: [\s\S]*aws iam update-assume-role-policy/);
  });

  it("says what else keeps its command from running", async () => {
    await using _ = await startTwoClouds();
    const { code, stderr } = await cli(["exec", "--region", "us-east-1", "--", "x".repeat(100_000)]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^gke-aws-credentials: x+… cannot be run: .*ENAMETOOLONG/);
  });

  it("does not run as process 1, and names the inits to use", async () => {
    await using _ = await startTwoClouds();
    const { pid } = process;
    Object.defineProperty(process, "pid", { value: 1 });
    try {
      const { code, stderr } = await cli(["exec", "--region", "us-east-1", "--", "true"]);
      expect([code, stderr]).toEqual([1, expect.stringMatching(/process 1.*tini.*docker run --init/)]);
    } finally {
      Object.defineProperty(process, "pid", { value: pid });
    }
  });

  it("without a command is wrong usage", async () => {
    expect(await cli(["exec"])).toMatchObject({ code: 2, stdout: "" });
  });
});
