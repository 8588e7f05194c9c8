import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { promisify } from "node:util";

const execute = promisify(execFile);

/** What TypeScript says of each value as its type: unlike Kubernetes' schemas, it refuses a field that no one knows. */
export async function typeErrors(
  values: readonly { readonly type: string; readonly value: unknown }[],
): Promise<readonly string[]> {
  const directory = await mkdtemp(resolve("node_modules", ".kubernetes-"));
  const paths = await Promise.all(
    values.map(async ({ type, value }, index) => {
      const path = join(directory, `value-${index}.ts`);
      await writeFile(path, `export const value: ${type} = ${JSON.stringify(value)};\n`);
      return path;
    }),
  );
  const flags = "--strict --noEmit --skipLibCheck --module nodenext --moduleResolution nodenext --types node".split(
    " ",
  );
  const complaints = await execute("npx", ["tsc", ...flags, ...paths]).then(
    () => "",
    ({ stdout }: { readonly stdout: string }) => stdout,
  );
  await rm(directory, { recursive: true });
  return complaints.trim().split("\n").filter(Boolean);
}
