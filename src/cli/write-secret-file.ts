import { randomUUID } from "node:crypto";
import { open, rename, rm, stat } from "node:fs/promises";
import { CommandError } from "./command-error.js";

/** Owner only. */
export const SECRET_MODE = 0o600;

/**
 * Replaces a file whole: a reader sees the old text or the new one, never a part. Without a newline at the end, because
 * the SDKs take the text as it is.
 *
 * @throws CommandError naming the file, where it cannot be written.
 */
export async function writeSecretFile(path: string, text: string, mode = SECRET_MODE): Promise<void> {
  // In the same directory, since a rename is atomic only within one file system.
  const temporary = `${path}.${process.pid}.${randomUUID()}.tmp`;
  try {
    if (await isDirectory(path)) throw Object.assign(new Error("it is a directory"), { code: "EISDIR" });
    const file = await open(temporary, "wx", mode);
    try {
      // The mode given to open is cut by the umask.
      await file.chmod(mode);
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {});
    throw new CommandError(
      `${path} cannot be written: ${error instanceof Error ? error.message : String(error)}`,
      error,
    );
  }
}

const isDirectory = (path: string): Promise<boolean> =>
  stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
