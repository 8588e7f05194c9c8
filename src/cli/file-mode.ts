import { type Command, InvalidArgumentError, Option } from "commander";
import { SECRET_MODE } from "./write-secret-file.js";

const WRITABLE_BY_ALL = 0o002;

function toFileMode(text: string): number {
  if (!/^0?[0-7]{3}$/.test(text)) throw new InvalidArgumentError("It must be three octal digits, such as 640.");
  const mode = Number.parseInt(text, 8);
  if (mode & WRITABLE_BY_ALL) throw new InvalidArgumentError("It must not let everybody write: use 600, 640 or 444.");
  return mode;
}

/** `--file-mode`: who may read a file with a secret in it. A pod with `fsGroup` shares it by 640. */
export const addFileMode = (command: Command): Command =>
  command.addOption(
    new Option(
      "--file-mode <mode>",
      "who may read the file: 600, 640 for containers of other users in the pod's group (fsGroup), or 444 for all",
    )
      .argParser(toFileMode)
      .default(SECRET_MODE, "600"),
  );
