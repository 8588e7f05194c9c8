import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { describe, expect, it } from "vitest";
import { createPrivateFiles } from "../../src/cli/exec-environment.js";

describe("the files of exec's command", () => {
  it("are in memory, and can be read by every user who knows the path, and listed by the owner alone", () => {
    const files = createPrivateFiles();
    const path = files.write("secret");
    expect([readFileSync(path, "utf8"), path.startsWith("/dev/shm/")]).toEqual(["secret", existsSync("/dev/shm")]);
    expect([statSync(path), statSync(dirname(path))].map(({ mode }) => mode & 0o777)).toEqual([0o444, 0o711]);
    files.remove();
  });

  it.runIf(process.getuid?.() === 0)(
    "are open to a command that has given up the rights of root, by their path alone",
    () => {
      const files = createPrivateFiles();
      const path = files.write("secret");
      const asNobody = (...command: [string, ...string[]]) =>
        execFileSync(command[0], command.slice(1), { uid: 65_534, gid: 65_534, encoding: "utf8", stdio: "pipe" });
      expect(asNobody("cat", path)).toBe("secret");
      expect(() => asNobody("ls", dirname(path))).toThrow("Permission denied");
      files.remove();
    },
  );

  it("are gone when they are removed, and nothing listens to the end of the process any more", () => {
    const listeners = process.listenerCount("exit");
    const files = createPrivateFiles();
    const path = files.write("secret");
    files.remove();
    expect([existsSync(dirname(path)), process.listenerCount("exit")]).toEqual([false, listeners]);
  });
});
