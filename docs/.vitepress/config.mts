import { copyFileSync, existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { slug } from "github-slugger";
import { defineConfig } from "vitepress";
import { examples, toSiteLink } from "./links.mjs";

const docs = join(import.meta.dirname, "..");
const { description } = JSON.parse(readFileSync(join(docs, "..", "package.json"), "utf8")) as { description: string };

/** A sidebar entry for a page, under the page's own title. */
const page = (path: string): { text: string; link: string } => {
  const title = /^# (.+)$/m.exec(readFileSync(join(docs, `${path}.md`), "utf8"))?.[1] ?? path;
  return { text: title, link: `/${path}` };
};

const KINDS = ["functions", "interfaces", "type-aliases", "classes"];

/** The pages of the reference for one entry point, folded in. */
function entryPoint(name: string) {
  const folder = `reference/${name}`;
  const items = KINDS.filter((kind) => existsSync(join(docs, folder, kind))).flatMap((kind) =>
    readdirSync(join(docs, folder, kind)).map((file) => {
      const symbol = file.replace(/\.md$/, "");
      return { text: symbol, link: `/${folder}/${kind}/${symbol}` };
    }),
  );
  return { text: name, link: `/${folder}/`, collapsed: true, items };
}

const SERVICES = [
  "libraries",
  "share-a-provider",
  "roles-and-accounts",
  "long-jobs",
  "presigned-urls",
  "proxy",
  "regions",
  "tests",
];
const CLUSTERS = [
  "cluster-issuer",
  "unmodified-pods",
  "injection-limits",
  "other-programs",
  "elsewhere-on-google-cloud",
];
const OPERATION = ["how-to/in-an-outage", "how-to/metrics-and-logs", "troubleshooting", "doctor"];

export default defineConfig({
  title: "gke-aws-credentials",
  description,
  head: [["link", { rel: "icon", type: "image/svg+xml", href: "/icon.svg" }]],
  cleanUrls: true,
  markdown: {
    // As where the repository is browsed, so that one link with its anchor works in both places.
    anchor: { slugify: slug },
    config: (md) => {
      md.core.ruler.push("site-links", ({ env, tokens }) => {
        const file = join("docs", env.relativePath).replaceAll("\\", "/");
        for (const token of tokens.flatMap(({ children }) => children ?? [])) {
          const href = token.attrGet("href");
          if (token.type === "link_open" && href) token.attrSet("href", toSiteLink(href, file));
        }
      });
      const fence = md.renderer.rules.fence;
      md.renderer.rules.fence = (...args) => {
        const [tokens, index] = args;
        const { info = "", content = "" } = tokens[index] ?? {};
        if (info.trim() === "mermaid") return `<MermaidDiagram code="${encodeURIComponent(content)}" />`;
        return fence?.(...args) ?? "";
      };
    },
  },
  // Mermaid is large, and loaded by the pages that have a diagram.
  vite: { build: { chunkSizeWarningLimit: 3_000 } },
  transformPageData: (pageData) => {
    if (pageData.params?.example) pageData.title = pageData.params.example;
  },
  themeConfig: {
    search: { provider: "local" },
    outline: [2, 3],
    nav: [
      { text: "Getting started", link: "/getting-started" },
      { text: "API", link: "/reference/" },
      { text: "Troubleshooting", link: "/troubleshooting" },
      { text: "Security", link: "/security" },
    ],
    sidebar: [
      {
        text: "Start",
        items: ["getting-started", "how-to/terraform", "how-to/rehearse", "migrating"].map(page),
      },
      { text: "Services", items: SERVICES.map((name) => page(`how-to/${name}`)) },
      { text: "Clusters", items: CLUSTERS.map((name) => page(`how-to/${name}`)) },
      { text: "Operation", items: OPERATION.map(page) },
      {
        text: "Reference",
        items: [
          ...["gke-aws-credentials", "gke-aws-credentials/testing"].map(entryPoint),
          ...["options", "command", "compatibility"].map(page),
        ],
      },
      { text: "Understand", items: ["security", "architecture"].map(page) },
      {
        text: "Examples",
        link: "/project/examples",
        items: examples.map((name) => ({ text: name, link: `/examples/${name}` })),
      },
      {
        text: "Project",
        items: [
          { text: "Changelog", link: "/project/changelog" },
          { text: "Benchmarks", link: "/project/benchmarks" },
          { text: "Contributing", link: "/project/contributing" },
          { text: "Security policy", link: "/project/security-policy" },
        ],
      },
    ],
    footer: { message: "Apache-2.0" },
  },
  buildEnd: ({ outDir }) => copyFileSync(join(docs, "doctor.schema.json"), join(outDir, "doctor.schema.json")),
});
