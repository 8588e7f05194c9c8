import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readClaims as readIdTokenClaims } from "../../src/token/check-token.js";
import { cli } from "../support/cli.js";
import { startTwoClouds } from "../support/two-clouds.js";

let directory: string;
let file: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "token-"));
  file = join(directory, "token");
});
afterEach(() => rm(directory, { recursive: true }));

describe("token", () => {
  it("prints one ID token, for the audience that was asked for", async () => {
    await using clouds = await startTwoClouds();
    const { code, stdout, stderr } = await cli(["token", "--audience", "gcp"]);
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toBe(`${clouds.metadata.issuedTokens[0]}\n`);
    expect(readIdTokenClaims(stdout.trim())?.aud).toBe("gcp");
  });

  it("writes it to a file of its own, without a newline, and then prints nothing", async () => {
    await using clouds = await startTwoClouds();
    const { code, stdout } = await cli(["token", "--output-file", file]);
    expect([code, stdout, await readFile(file, "utf8")]).toEqual([0, "", clouds.metadata.issuedTokens[0]]);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    await cli(["token", "--output-file", file, "--file-mode", "640"]);
    expect((await stat(file)).mode & 0o777).toBe(0o640);
  });

  it.each([
    [["--watch"], "--watch needs --output-file"],
    [["--file-mode", "999"], "octal"],
    [["--audience", ""], "audience must be"],
  ])("%j is wrong usage", async (flags, text) => {
    const { code, stdout, stderr } = await cli(["token", ...flags]);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toContain(text);
  });

  it("prints Google's token also when AWS_WEB_IDENTITY_TOKEN_FILE names a file, which may be its own output", async () => {
    await using clouds = await startTwoClouds();
    const { code, stdout } = await cli(["token"], { AWS_WEB_IDENTITY_TOKEN_FILE: file });
    expect([code, stdout]).toEqual([0, `${clouds.metadata.issuedTokens[0]}\n`]);
  });

  it("off Google Cloud fails without a request, and says so", async () => {
    const { code, stdout, stderr } = await cli(["token"], { METADATA_SERVER_DETECTION: "none" });
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toMatch(/METADATA_SERVER_DETECTION is none.*NOT_ON_GOOGLE_CLOUD/);
  });

  it("fails by the file's name where it cannot be written", async () => {
    await using _ = await startTwoClouds();
    expect(await cli(["token", "--output-file", directory])).toEqual({
      code: 1,
      stdout: "",
      stderr: `gke-aws-credentials: ${directory} cannot be written: it is a directory\n`,
    });
  });
});
