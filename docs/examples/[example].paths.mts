import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const EXAMPLES = join(import.meta.dirname, "..", "..", "examples");

const languageOf = (file: string): string => {
  if (file === "Dockerfile") return "docker";
  const extension = file.split(".").at(-1) ?? "";
  return { mjs: "js", cjs: "js", tf: "hcl" }[extension] ?? extension;
};

/** One page an example: all its files. */
export default {
  watch: ["../../examples/**"],
  paths: () =>
    readdirSync(EXAMPLES, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => {
        const entries = readdirSync(join(EXAMPLES, name), { withFileTypes: true }).filter((entry) => entry.isFile());
        const files = entries.map(({ name: file }) => {
          const code = readFileSync(join(EXAMPLES, name, file), "utf8");
          return `## ${file}\n\n\`\`\`\`${languageOf(file)}\n${code}\`\`\`\`\n`;
        });
        return { params: { example: name }, content: files.join("\n") };
      }),
};
