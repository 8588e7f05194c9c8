import { randomUUID } from "node:crypto";
import fs from "node:fs";
import { resolve } from "node:path";

const cannotWrite = (path: string, reason: string, cause?: unknown): Error =>
  new Error(`${path} cannot be written: ${reason}`, { cause });

/**
 * Replaces a file whole: a reader sees the old text or the new one, never a part. Without a newline at the end, because
 * the SDKs take the text as it is. Without a pause in which a signal could end this process and leave the temporary file.
 * Gives the function that removes the file if it is still the one that was written.
 *
 * @throws Error naming the file, where it cannot be written.
 */
export function writeSecretFile(file: string, text: string, mode = 0o600): () => void {
  const path = requireReplaceable(file);
  // In the same directory, since a rename is atomic only within one file system.
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    const opened = fs.openSync(temporary, "wx", mode);
    try {
      // The mode given to open is cut by the umask.
      fs.fchmodSync(opened, mode);
      fs.writeFileSync(opened, text);
      fs.fsyncSync(opened);
    } finally {
      fs.closeSync(opened);
    }
    fs.renameSync(temporary, path);
  } catch (error) {
    fs.rmSync(temporary, { force: true });
    throw cannotWrite(path, (error as Error).message, error);
  }
  return () => {
    try {
      if (fs.lstatSync(path).isFile() && fs.readFileSync(path, "utf8") === text) fs.rmSync(path);
    } catch {
      // It is gone, or it is somebody else's by now.
    }
  };
}

/**
 * The absolute path of a file that may be there, and that a rename can replace. A rename would replace a device by a file;
 * a symbolic link may lead to one, or out of the directory; a mount cannot be replaced.
 *
 * @throws Error naming the file, where it cannot be replaced.
 */
export function requireReplaceable(file: string): string {
  const path = resolve(file);
  const found = fs.lstatSync(path, { throwIfNoEntry: false });
  if (!found) return path;
  if (found.isDirectory()) throw cannotWrite(path, "it is a directory");
  if (found.isSymbolicLink()) throw cannotWrite(path, "it is a symbolic link");
  if (!found.isFile()) throw cannotWrite(path, "it is not a regular file");
  if (isMount(path))
    throw cannotWrite(path, "it is a mount of its own, which nothing can replace. Mount the directory");
  return path;
}

/** @see https://man7.org/linux/man-pages/man5/proc_pid_mountinfo.5.html (the fifth field, with its spaces escaped) */
function isMount(path: string): boolean {
  try {
    const mounts = fs.readFileSync("/proc/self/mountinfo", "utf8").split("\n");
    return mounts.some((line) => line.split(" ")[4] === fs.realpathSync(path).replaceAll(" ", "\\040"));
  } catch {
    return false;
  }
}
