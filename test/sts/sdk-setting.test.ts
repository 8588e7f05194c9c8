import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { readSdkSetting } from "../../src/sts/sdk-setting.js";

const SETTING = { variable: "AWS_MAX_ATTEMPTS", profileKey: "max_attempts" };

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "sdk-setting-"));
  await writeFile(join(directory, "config"), "[default]\nmax_attempts = 4\n[profile blue]\nmax_attempts = 5\n");
  vi.stubEnv("AWS_CONFIG_FILE", join(directory, "config"));
});
afterEach(() => rm(directory, { recursive: true }));

describe("readSdkSetting", () => {
  it("takes the environment before the profile, and the profile that is named before the default one", async () => {
    expect(await readSdkSetting(SETTING, undefined)).toBe("4");
    expect(await readSdkSetting(SETTING, "blue")).toBe("5");
    vi.stubEnv("AWS_MAX_ATTEMPTS", "6");
    expect(await readSdkSetting(SETTING, "blue")).toBe("6");
    vi.stubEnv("AWS_MAX_ATTEMPTS", "");
    vi.stubEnv("AWS_CONFIG_FILE", join(directory, "none"));
    expect(await readSdkSetting({ ...SETTING, profileKey: "other" }, undefined)).toBeUndefined();
  });
});
