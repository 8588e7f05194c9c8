import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { cli } from "../support/cli.js";
import { startTwoClouds } from "../support/two-clouds.js";

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "exec-"));
});
afterEach(() => rm(directory, { recursive: true }));

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
    expect(stderr).toMatch(/STS_ACCESS_DENIED[\s\S]*aws iam get-role/);
  });

  it.each([
    ["no-such-command", "ENOENT"],
    ["./package.json", "EACCES"],
  ])("says that %s cannot be run", async (command, reason) => {
    await using _ = await startTwoClouds();
    const { stderr } = await cli(["exec", "--region", "us-east-1", "--", command]);
    expect(stderr).toMatch(new RegExp(`^gke-aws-credentials: ${command} cannot be run: .*${reason}\n$`));
  });

  it("serves nothing more when its command has ended", async () => {
    await using _ = await startTwoClouds();
    const uriFile = join(directory, "uri");
    const command = ["sh", "-c", 'printf %s "$AWS_CONTAINER_CREDENTIALS_FULL_URI" > "$0"', uriFile];
    expect((await cli(["exec", "--region", "us-east-1", "--", ...command])).code).toBe(0);
    await expect(fetch(await readFile(uriFile, "utf8"))).rejects.toThrow();
  });

  it("leaves no copy of a config file when its command has ended", async () => {
    await using _ = await startTwoClouds();
    const config = join(directory, "config");
    await writeFile(config, "[default]\naws_access_key_id = AKIA\noutput = text\n");
    const copyFile = join(directory, "copy");
    const command = ["sh", "-c", 'printf %s "$AWS_CONFIG_FILE" > "$0"', copyFile];
    const { code } = await cli(["exec", "--region", "us-east-1", "--", ...command], { AWS_CONFIG_FILE: config });
    const copy = await readFile(copyFile, "utf8");
    expect([code, copy]).toEqual([0, expect.stringContaining("/gke-aws-credentials-")]);
    await expect(readFile(copy)).rejects.toThrow();
  });

  it("says what else keeps its command from running", async () => {
    await using _ = await startTwoClouds();
    const { code, stderr } = await cli(["exec", "--region", "us-east-1", "--", "x".repeat(100_000)]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^gke-aws-credentials: x{200} cannot be run: .*ENAMETOOLONG/);
  });

  it("without a command is wrong usage", async () => {
    expect(await cli(["exec"])).toMatchObject({ code: 2, stdout: "" });
  });
});
