import { readFileSync } from "node:fs";
import { join } from "node:path";
import { PROJECT_PAGES, toSiteLink } from "../.vitepress/links.mjs";

/** One page a Markdown file outside of docs/. */
export default {
  watch: Object.keys(PROJECT_PAGES).map((file) => `../../${file}`),
  paths: () =>
    Object.entries(PROJECT_PAGES).map(([file, page]) => {
      const markdown = readFileSync(join(import.meta.dirname, "..", "..", file), "utf8");
      const content = markdown.replace(/\]\(([^)\s]+)\)/g, (_, href: string) => `](${toSiteLink(href, file)})`);
      return { params: { page }, content };
    }),
};
