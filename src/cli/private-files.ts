import { randomUUID } from "node:crypto";
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Files for the command that `exec` runs. */
export interface PrivateFiles {
  /** Writes a file and gives its path. */
  readonly write: (text: string) => string;
  readonly remove: () => void;
}

/**
 * Files that are as safe as a variable of the environment: only who knows a path, which nobody can guess or list, can read
 * it. So a command that changes its user can read them too. In memory where there is `/dev/shm`.
 */
export function createPrivateFiles(): PrivateFiles {
  const parent = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();
  const directory = mkdtempSync(join(parent, "gke-aws-credentials-"));
  chmodSync(directory, 0o711);
  const remove = (): void => rmSync(directory, { recursive: true, force: true });
  // Also where a signal ends this process.
  process.on("exit", remove);
  return {
    write: (text) => {
      const path = join(directory, randomUUID());
      writeFileSync(path, text, { flag: "wx" });
      chmodSync(path, 0o444);
      return path;
    },
    remove: () => {
      process.off("exit", remove);
      remove();
    },
  };
}
