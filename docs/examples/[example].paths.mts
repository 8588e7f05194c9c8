import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { examples } from "../.vitepress/links.mjs";

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
    examples.map((example) => {
      const entries = readdirSync(join(EXAMPLES, example), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => relative(join(EXAMPLES, example), join(entry.parentPath, entry.name)))
        .sort();
      const files = entries.map((name) => {
        const code = readFileSync(join(EXAMPLES, example, name), "utf8");
        return `## ${name}\n\n\`\`\`\`${languageOf(name)}\n${code}\`\`\`\`\n`;
      });
      return { params: { example }, content: files.join("\n") };
    }),
};
