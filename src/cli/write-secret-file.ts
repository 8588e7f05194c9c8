import { randomUUID } from "node:crypto";
import {
  closeSync,
  fchmodSync,
  fstatSync,
  fsyncSync,
  lstatSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { lstat, readdir, rm } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { CommandError } from "./command-error.js";

/** Owner only. */
export const SECRET_MODE = 0o600;

const STALE_MS = 60_000;
const TRIES = 3;

export interface SecretFile {
  /** Absolute. */
  readonly path: string;
  /** Removes the file if it is still the one that was written. */
  readonly remove: () => void;
}

/**
 * Replaces a file whole: a reader sees the old text or the new one, never a part. Without a newline at the end, because
 * the SDKs take the text as it is.
 *
 * @throws CommandError naming the file, where it cannot be written.
 */
export async function writeSecretFile(file: string, text: string, mode = SECRET_MODE): Promise<SecretFile> {
  const path = resolve(file);
  try {
    await removeLeftovers(path);
    const inode = replace(path, text, mode);
    return { path, remove: () => removeOwn(path, text, inode) };
  } catch (error) {
    throw new CommandError(
      `${path} cannot be written: ${error instanceof Error ? error.message : String(error)}`,
      error,
    );
  }
}

/** Without a pause in which a signal could end this process and leave the temporary file behind. */
function replace(path: string, text: string, mode: number, triesLeft = TRIES - 1): number {
  requireRegular(path);
  // In the same directory, since a rename is atomic only within one file system.
  const temporary = `${path}.${process.pid}.${randomUUID()}.tmp`;
  try {
    const inode = create(temporary, text, mode);
    renameSync(temporary, path);
    return inode;
  } catch (error) {
    rmSync(temporary, { force: true });
    // Another process that writes the same file took the temporary one for a leftover.
    const isTaken =
      (error as NodeJS.ErrnoException).syscall === "rename" && (error as NodeJS.ErrnoException).code === "ENOENT";
    if (isTaken && triesLeft > 0) return replace(path, text, mode, triesLeft - 1);
    throw error;
  }
}

function create(path: string, text: string, mode: number): number {
  const file = openSync(path, "wx", mode);
  try {
    // The mode given to open is cut by the umask.
    fchmodSync(file, mode);
    writeFileSync(file, text);
    fsyncSync(file);
    return fstatSync(file).ino;
  } finally {
    closeSync(file);
  }
}

/** A rename would replace a device by a file; a symbolic link may lead to one, or out of the directory. */
function requireRegular(path: string): void {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (!found || found.isFile()) return;
  const what = found.isDirectory() ? "a directory" : found.isSymbolicLink() ? "a symbolic link" : "not a regular file";
  throw new Error(`it is ${what}`);
}

function removeOwn(path: string, text: string, inode: number): void {
  try {
    if (lstatSync(path).ino === inode && readFileSync(path, "utf8") === text) rmSync(path);
  } catch {
    // It is gone, or it is somebody else's by now.
  }
}

/** Removes the temporary files of runs that were killed while they wrote. */
async function removeLeftovers(path: string): Promise<void> {
  const directory = dirname(path);
  const names = await readdir(directory).catch(() => []);
  const prefix = `${basename(path)}.`;
  for (const name of names.filter((found) => found.startsWith(prefix))) {
    const pid = /^(\d+)\.[\da-f-]{36}\.tmp$/.exec(name.slice(prefix.length))?.[1];
    const temporary = join(directory, name);
    if (pid !== undefined && (await isLeftover(temporary, Number(pid))))
      await rm(temporary, { force: true }).catch(() => {});
  }
}

/** This process writes without a pause, so a file in its name is that of an earlier process 1, or the like. */
async function isLeftover(temporary: string, pid: number): Promise<boolean> {
  if (pid === process.pid || !isRunning(pid)) return true;
  const found = await lstat(temporary).catch(() => undefined);
  return found !== undefined && Date.now() - found.mtimeMs > STALE_MS;
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
