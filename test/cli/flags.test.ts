import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { addProviderOptions, findRegion, toInit } from "../../src/cli/flags.js";

/** What the flags mean. */
function initOf(...flags: readonly string[]) {
  const command = addProviderOptions(new Command().exitOverride().configureOutput({ writeErr: () => {} }));
  const given = command.parse(flags, { from: "user" }).opts();
  return toInit(undefined, given);
}

describe("the flags that say which session", () => {
  it("are options of the library", async () => {
    const flags =
      "--session-name me --audience gcp --web-identity-token-file /t --duration-seconds 900 --region eu-west-1";
    expect(await initOf(...flags.split(" "))).toMatchObject({
      roleSessionName: "me",
      audience: "gcp",
      webIdentityTokenFile: "/t",
      durationSeconds: 900,
      clientConfig: { region: "eu-west-1" },
    });
  });

  it("leave the region to the library when none is configured", async () => {
    vi.stubEnv("AWS_CONFIG_FILE", "/dev/null");
    expect((await initOf()).clientConfig).toEqual({});
  });

  it.each(["9e2", "0x384", "900.0", "-900", " 900"])("do not take %j as a whole number", async (text) => {
    expect(() => initOf(`--duration-seconds=${text}`)).toThrow("It must be a whole number.");
  });
});

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "region-"));
});
afterEach(() => rm(directory, { recursive: true }));

describe("findRegion", () => {
  it.each([
    ["eu-west-1", { AWS_REGION: "eu-west-2", AWS_DEFAULT_REGION: "eu-west-3" }, "eu-west-1"],
    [undefined, { AWS_REGION: "eu-west-2", AWS_DEFAULT_REGION: "eu-west-3" }, "eu-west-2"],
    [undefined, { AWS_REGION: "", AWS_DEFAULT_REGION: "eu-west-3" }, "eu-west-3"],
    [undefined, {}, undefined],
  ])("takes the flag %s, or else the variables %j: %s", async (flag, env, expected) => {
    vi.stubEnv("AWS_CONFIG_FILE", "/dev/null");
    for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
    expect(await findRegion(flag)).toBe(expected);
  });

  it("takes the profile's region when nothing else names one", async () => {
    const file = join(directory, "config");
    await writeFile(file, "[profile blue]\nregion = eu-north-1\n");
    vi.stubEnv("AWS_CONFIG_FILE", file);
    vi.stubEnv("AWS_PROFILE", "blue");
    expect(await findRegion(undefined)).toBe("eu-north-1");
  });

  it("finds none when the config file cannot be read: the provider says so later", async () => {
    vi.stubEnv("AWS_CONFIG_FILE", directory);
    expect(await findRegion(undefined)).toBeUndefined();
  });
});
