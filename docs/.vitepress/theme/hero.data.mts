import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createMarkdownRenderer } from "vitepress";

declare const data: { readonly html: string };

export { data };

const README = join(import.meta.dirname, "../../../README.md");

/** What the first screen of the site shows: README's first snippet, and what `doctor` prints there. */
export default {
  watch: [README],
  load: async (): Promise<typeof data> => {
    const blocks = [...readFileSync(README, "utf8").matchAll(/^```\w+\n[\s\S]*?\n```$/gm)].map(([block]) => block);
    const shown = [blocks.find((block) => block.startsWith("```ts")), blocks.find((block) => block.includes("✓"))];
    if (shown.includes(undefined)) throw new Error("README.md has no snippet, or no output of doctor");
    const markdown = await createMarkdownRenderer(join(import.meta.dirname, "../.."));
    return { html: markdown.render(shown.join("\n\n"), { relativePath: "index.md" }) };
  },
};
