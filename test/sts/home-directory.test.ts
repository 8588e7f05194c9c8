import { describe, expect, it } from "vitest";
import { ensureHomeDirectory } from "../../src/sts/home-directory.js";

describe("ensureHomeDirectory", () => {
  it("changes nothing when a variable or the password file names a home directory", async () => {
    for (const env of [{ HOME: "/home/a" }, { USERPROFILE: "C:\\a" }, {}]) {
      const copy: NodeJS.ProcessEnv = { ...env };
      await ensureHomeDirectory(copy);
      expect(copy).toEqual(env);
    }
  });
});
