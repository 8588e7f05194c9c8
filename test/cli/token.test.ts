import { readFileSync, statSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { readClaims } from "../../src/token/check-token.js";
import { cli } from "../support/cli.js";
import { startTwoClouds } from "../support/two-clouds.js";
import { useDirectory } from "../support/use-directory.js";

const path = useDirectory();
const mode = () => statSync(path("token")).mode & 0o777;

describe("token", () => {
  it("prints one ID token, for the audience that was asked for", async () => {
    await using clouds = await startTwoClouds();
    const { code, stdout, stderr } = await cli(["token", "--audience", "gcp"]);
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toBe(`${clouds.metadata.issuedTokens[0]}\n`);
    expect(readClaims(stdout.trim())?.aud).toBe("gcp");
  });

  it("writes it to a file of its own, without a newline, and then prints nothing", async () => {
    await using clouds = await startTwoClouds();
    const { code, stdout } = await cli(["token", "--output-file", path("token")]);
    const text = readFileSync(path("token"), "utf8");
    expect([code, stdout, text, mode()]).toEqual([0, "", clouds.metadata.issuedTokens[0], 0o600]);
    await cli(["token", "--output-file", path("token"), "--file-mode", "640"]);
    expect(mode()).toBe(0o640);
  });

  it("fails without a request, and says so, when it is off Google Cloud", async () => {
    const { code, stdout, stderr } = await cli(["token"], { METADATA_SERVER_DETECTION: "none" });
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toMatch(/METADATA_SERVER_DETECTION is none.*NOT_ON_GOOGLE_CLOUD/);
  });

  it("fails by the file's name when it cannot be written", async () => {
    await using _ = await startTwoClouds();
    const stderr = `gke-aws-credentials: ${path()} cannot be written: it is a directory\n`;
    expect(await cli(["token", "--output-file", path()])).toEqual({ code: 1, stdout: "", stderr });
  });
});
