import { Command } from "commander";
import { describe, expect, it, vi } from "vitest";
import { addProviderOptions, toInit } from "../../src/cli/provider-options.js";

/** What the flags mean, with what was written to stderr. */
async function initOf(...flags: readonly string[]) {
  const written: string[] = [];
  const command = addProviderOptions(new Command().exitOverride().configureOutput({ writeErr: () => {} }));
  const given = command.parse(flags, { from: "user" }).opts();
  const init = await toInit(undefined, given, { stderr: { write: (text) => written.push(text) } });
  return { init, written };
}

describe("the flags that say which session", () => {
  it("are options of the library", async () => {
    const flags =
      "--session-name me --audience gcp --web-identity-token-file /t --duration-seconds 900 --region eu-west-1";
    expect((await initOf(...flags.split(" "))).init).toMatchObject({
      roleSessionName: "me",
      audience: "gcp",
      webIdentityTokenFile: "/t",
      durationSeconds: 900,
      clientConfig: { region: "eu-west-1" },
    });
  });

  it("leave the region to the library when none is configured", async () => {
    vi.stubEnv("AWS_CONFIG_FILE", "/dev/null");
    expect((await initOf()).init).not.toHaveProperty("clientConfig");
  });

  it.each(["9e2", "0x384", "900.0", "-900", " 900"])("do not take %j as a whole number", async (text) => {
    await expect(initOf(`--duration-seconds=${text}`)).rejects.toThrow("It must be a whole number.");
  });

  it("tell once, and no more, that STS is called in a region that nobody configured", async () => {
    const { init, written } = await initOf();
    for (const region of ["us-east-1", "us-east-1"]) init.onEvent?.({ type: "stsRegionDefaulted", region });
    init.onEvent?.({ type: "refreshStarted", reason: "ahead" });
    expect(written).toEqual(["No region is configured: STS is called in us-east-1. Set --region or AWS_REGION.\n"]);
  });
});
