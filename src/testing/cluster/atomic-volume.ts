import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";

/** A directory that is written as kubelet writes a projected volume. */
export interface AtomicVolume {
  /** The file that the pod reads. */
  readonly file: string;
  /** Replaces the file as a whole: a reader sees the old text or the new one. */
  readonly replace: (text: string) => void;
  /** Takes the file away. */
  readonly remove: () => void;
  /** Deletes the directory. */
  readonly dispose: () => void;
}

/**
 * Makes a volume with one file. Kubelet writes the text to a new directory, and turns the symbolic link `..data` to it in
 * one step; the file that the pod reads is itself a link into `..data`.
 *
 * @see https://github.com/kubernetes/kubernetes/blob/master/pkg/volume/util/atomic_writer.go
 */
export function createAtomicVolume(name: string, directory?: string): AtomicVolume {
  const root = directory ?? mkdtempSync(join(tmpdir(), "projected-token-"));
  mkdirSync(root, { recursive: true });
  const file = join(root, name);
  const data = join(root, "..data");
  let current: string | undefined;

  const remove = (): void => {
    for (const path of [file, data]) rmSync(path, { force: true });
    if (current) rmSync(current, { recursive: true, force: true });
    current = undefined;
  };
  return {
    file,
    replace: (text) => {
      const next = mkdtempSync(join(root, `..${new Date().toISOString().replace(/\W/g, "_")}.`));
      writeFileSync(join(next, name), text, { mode: 0o644 });
      symlinkSync(basename(next), join(root, "..data_tmp"));
      renameSync(join(root, "..data_tmp"), data);
      if (current) rmSync(current, { recursive: true, force: true });
      else symlinkSync(join("..data", name), file);
      current = next;
    },
    remove,
    dispose: () => {
      remove();
      if (directory === undefined) rmSync(root, { recursive: true, force: true });
    },
  };
}
