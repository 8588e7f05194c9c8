import { vi } from "vitest";
import { run } from "../../src/cli/program.js";

/** The command in this process, for its coverage; the built one is run elsewhere. */
export async function cli(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  { terminal, untilStopped = async () => {} }: { terminal?: boolean; untilStopped?: () => Promise<void> } = {},
) {
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
  const written = { stdout: "", stderr: "" };
  const sink = (name: keyof typeof written) => ({
    write: (text: string) => {
      written[name] += text;
    },
    ...(terminal !== undefined && { isTTY: true, hasColors: () => terminal }),
  });
  const code = await run(args, { stdout: sink("stdout"), stderr: sink("stderr"), untilStopped });
  return { code, ...written };
}
