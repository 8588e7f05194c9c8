import { copyFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { makeProject, outcomeOf, run } from "./workshop.mjs";

const VERSIONS = ["5.4", "5.6", "5.9", "6", "7"];
const RESOLUTIONS = [
  ["node16", "node16"],
  ["bundler", "esnext"],
];

/** Our declarations, with those that they refer to, under each TypeScript: nothing skipped. */
export async function types(directory, tarball) {
  const rows = [];
  for (const version of VERSIONS) {
    const packages = [tarball, `typescript@${version}`, "@types/node@20", "@aws-sdk/client-s3", "@aws-sdk/client-sts"];
    const project = await makeProject(join(directory, `types-${version}`), packages);
    await copyFile(new URL("app.ts", import.meta.url), join(project, "app.ts"));
    const cells = [];
    for (const [moduleResolution, module] of RESOLUTIONS) {
      const options = {
        strict: true,
        exactOptionalPropertyTypes: true,
        noEmit: true,
        skipLibCheck: false,
        target: "es2022",
      };
      const compilerOptions = {
        ...options,
        lib: ["es2023", "esnext.disposable", "dom"],
        types: ["node"],
        module,
        moduleResolution,
      };
      await writeFile(join(project, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["app.ts"] }));
      cells.push(
        await outcomeOf(
          async () => void (await run(join(project, "node_modules/.bin/tsc"), ["-p", "."], { cwd: project })),
        ),
      );
    }
    rows.push([version, ...cells]);
  }
  return [{ title: "TypeScript, with skipLibCheck off", columns: ["TypeScript", "node16", "bundler"], rows }];
}
