import { randomUUID } from "node:crypto";
import { type FileHandle, open, rm } from "node:fs/promises";
import { join } from "node:path";

export interface UnnamedFile {
  /** Opens the file while this process lives, for processes of the same user. */
  readonly path: string;
  readonly close: () => Promise<void>;
}

/** Memory that every Linux container has, also one with a read-only root file system. */
const MEMORY = "/dev/shm";

/**
 * A file in memory that has no name any more when it gets its text, so that nothing is left of it however this process
 * ends. Other processes open it through this process's own entry in `/proc`.
 */
export async function createUnnamedFile(text: string, directory = MEMORY): Promise<UnnamedFile> {
  const name = join(directory, `gke-aws-credentials-${randomUUID()}`);
  const file = await open(name, "wx+", 0o600);
  try {
    await rm(name);
    await file.writeFile(text);
    const path = `/proc/${process.pid}/fd/${file.fd}`;
    await requireReadable(path);
    return { path, close: () => file.close() };
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** Fails where there is no `/proc`, as on macOS. */
async function requireReadable(path: string): Promise<void> {
  const file: FileHandle = await open(path, "r");
  await file.close();
}
