import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { findRegion } from "../../src/cli/region.js";

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
    expect(await findRegion(flag, env)).toBe(expected);
  });

  it("takes the profile's region when nothing else names one", async () => {
    const file = join(directory, "config");
    await writeFile(file, "[profile blue]\nregion = eu-north-1\n");
    vi.stubEnv("AWS_CONFIG_FILE", file);
    vi.stubEnv("AWS_PROFILE", "blue");
    expect(await findRegion(undefined, {})).toBe("eu-north-1");
  });

  it("finds none when the config file cannot be read: the provider says so later", async () => {
    vi.stubEnv("AWS_CONFIG_FILE", directory);
    expect(await findRegion(undefined, {})).toBeUndefined();
  });
});
