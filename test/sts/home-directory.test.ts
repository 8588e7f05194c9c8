import { syncBuiltinESMExports } from "node:module";
import os from "node:os";
import { describe, expect, it, vi } from "vitest";
import { ensureHomeDirectory } from "../../src/sts/home-directory.js";

describe("ensureHomeDirectory", () => {
  it("changes nothing when a variable or the password file names a home directory", async () => {
    for (const env of [{ HOME: "/home/a" }, { USERPROFILE: "C:\\a" }, {}]) {
      const copy: NodeJS.ProcessEnv = { ...env };
      await ensureHomeDirectory(copy);
      expect(copy).toEqual(env);
    }
  });

  it("takes the root when the user is not in the password file", async () => {
    vi.spyOn(os, "homedir").mockImplementation(() => {
      throw new Error("ENOENT: uv_os_homedir");
    });
    syncBuiltinESMExports();
    const env: NodeJS.ProcessEnv = {};
    await ensureHomeDirectory(env);
    vi.restoreAllMocks();
    syncBuiltinESMExports();
    expect(env).toEqual({ HOME: "/" });
  });
});
