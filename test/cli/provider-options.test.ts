import { Command } from "commander";
import { describe, expect, it, vi } from "vitest";
import { addProviderOptions, toInit } from "../../src/cli/provider-options.js";

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
