import { vi } from "vitest";
import { run } from "../../src/cli/program.js";

/** The command in this process, for its coverage; the built one is run elsewhere. */
export async function cli(args: readonly string[], env: Readonly<Record<string, string>> = {}, terminal?: boolean) {
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
  const written = { stdout: "", stderr: "" };
  const sink = (name: keyof typeof written) => ({
    write: (text: string) => {
      written[name] += text;
    },
    ...(terminal !== undefined && { isTTY: true, hasColors: () => terminal }),
  });
  const code = await run(args, { stdout: sink("stdout"), stderr: sink("stderr") });
  return { code, ...written };
}
