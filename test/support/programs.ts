import { spawnSync } from "node:child_process";

const runs = (command: string, ...args: readonly string[]): boolean => spawnSync(command, args).status === 0;

/** Whether the program is there. Root installs Debian's package of that name; where there is none, the tests are left out. */
export function hasProgram(name: string, ...versionFlags: readonly string[]): boolean {
  if (runs(name, ...versionFlags)) return true;
  if (process.getuid?.() === 0) {
    spawnSync("apt-get", ["update", "-qq"], { timeout: 120_000 });
    spawnSync("apt-get", ["install", "-y", "-qq", "--no-install-recommends", name], { timeout: 120_000 });
    if (runs(name, ...versionFlags)) return true;
  }
  process.stdout.write(`left out: the tests with ${name}, which is not here and cannot be installed from Debian\n`);
  return false;
}

/** The command of kustomize: kubectl has it built in, since 1.27 in a version that knows what the overlays use. */
export function findKustomize(): readonly [command: string, ...args: string[]] | undefined {
  const { stdout } = spawnSync("kubectl", ["version", "--client", "--output", "json"], { encoding: "utf8" });
  if (/"kustomizeVersion": "v[5-9]/.test(stdout ?? "")) return ["kubectl", "kustomize"];
  return hasProgram("kustomize", "version") ? ["kustomize", "build"] : undefined;
}
