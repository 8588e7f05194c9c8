import { readdir, readlink } from "node:fs/promises";

/** The files whose path has this text and that this process has open, whether they have a name or not. */
export async function openFiles(text: string): Promise<readonly string[]> {
  const files = await readdir("/proc/self/fd");
  const targets = await Promise.all(files.map((file) => readlink(`/proc/self/fd/${file}`).catch(() => "")));
  return targets.filter((target) => target.includes(text));
}
