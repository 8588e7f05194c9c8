import { chmod, copyFile, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { describe } from "vitest";
import type { InstalledPackage } from "../package/installed.js";
import { openShell, type PastedBlock, SHELLS } from "./interactive-shell.js";
import { isInstalled } from "./is-installed.js";
import { type Block, blocksOf } from "./markdown.js";

export type Shell = keyof typeof SHELLS;

/** A suite for each shell. The suite of a shell that this machine does not have is skipped. */
export function describeInShells(title: string, suite: (shell: Shell) => void): void {
  for (const shell of Object.keys(SHELLS) as Shell[])
    describe.skipIf(!isInstalled(shell))(`${title}, pasted into an interactive ${shell}`, () => suite(shell));
}

const STAND_INS = ["gcloud", "kubectl", "aws", "terraform"];
/** What a shell says when it cannot run a line, and what this command says of a wrong option. */
const SHELL_ERROR = /^(?:.*\b(?:zsh|bash): |error: ).*$/m;

/** Somebody who follows a page: saves its files, and pastes its shell blocks into a shell. */
export interface Reader extends AsyncDisposable {
  /** Follows blocks of a page, in the order of the page. */
  readonly follow: (page: string, isTaken?: (block: Block) => boolean) => Promise<readonly PastedBlock[]>;
  /** The calls of the clouds' command lines so far. */
  readonly calls: () => Promise<string>;
  /** Reads a file that the stand-ins wrote. */
  readonly state: (name: string) => Promise<string>;
}

/**
 * Makes a reader with an empty home folder, this package in place of the registry, and stand-ins for the command lines of
 * the clouds (`test/docs/stand-ins`).
 */
export async function createReader(
  shell: Shell,
  app: InstalledPackage,
  env: Readonly<Record<string, string>>,
): Promise<Reader> {
  const home = await mkdtemp(join(tmpdir(), "reader-"));
  const [bin, state] = [join(home, ".bin"), join(home, ".state")];
  await Promise.all([mkdir(bin), mkdir(state)]);
  for (const name of STAND_INS) {
    await copyFile("test/docs/stand-ins/cloud-command.sh", join(bin, name));
    await chmod(join(bin, name), 0o755);
  }
  await copyFile("test/docs/stand-ins/run-job.mjs", join(bin, "run-job.mjs"));
  await symlink(resolve("node_modules"), join(bin, "node_modules"));
  const npm = join(process.execPath, "..", "npm");
  const install = `ln -s "${app.directory}/node_modules" node_modules`;
  await writeFile(
    join(bin, "npm"),
    `#!/bin/bash\nif [ "$1" = install ]; then ${install}; else exec "${npm}" "$@"; fi\n`,
  );
  await chmod(join(bin, "npm"), 0o755);

  const terminal = openShell(shell, {
    cwd: home,
    env: {
      PATH: `${bin}:${join(process.execPath, "..")}:${process.env.PATH}`,
      HOME: home,
      NODE_NO_WARNINGS: "1",
      STATE: state,
      AWS_CONFIG_FILE: "/dev/null",
      AWS_SHARED_CREDENTIALS_FILE: "/dev/null",
      ...env,
    },
  });

  const follow = async (page: string, isTaken: (block: Block) => boolean = () => true) => {
    const done: PastedBlock[] = [];
    for (const block of blocksOf(page).filter(isTaken)) {
      const { language, label, code } = block;
      if (language === "sh") done.push(await terminal.paste(code));
      else if (label?.includes(".") || label === "Dockerfile") {
        // An editor saves it in the folder where the shell is.
        const saved = join(state, "saved");
        await writeFile(saved, code);
        await terminal.paste(`cp "$STATE/saved" '${label}'`);
      }
    }
    return done;
  };
  return {
    follow,
    calls: () => readFile(join(state, "calls"), "utf8"),
    state: (name) => readFile(join(state, name), "utf8"),
    [Symbol.asyncDispose]: async () => {
      await terminal[Symbol.asyncDispose]();
      await rm(home, { recursive: true, force: true });
    },
  };
}

/** The blocks that did not go well: the shell complained, or the last command of the block failed. */
export const wrongTurns = (blocks: readonly PastedBlock[]): readonly PastedBlock[] =>
  blocks.filter(({ exitCode, output }) => exitCode !== 0 || SHELL_ERROR.test(output));

/** All that the terminal showed. */
export const shownBy = (blocks: readonly PastedBlock[]): string => blocks.map(({ output }) => output).join("\n");
