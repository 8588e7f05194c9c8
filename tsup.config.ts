import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { defineConfig, type Options } from "tsup";

type EsbuildPlugin = NonNullable<Options["esbuildPlugins"]>[number];

const shared = { target: "node20", platform: "node" } as const;

/** CommonJS requires, lazily: Jest cannot run `import()` unless Node has a flag, and it loads more of Node. */
const requireInCommonJs: NonNullable<Options["esbuildOptions"]> = (options, { format }) => {
  if (format === "cjs") options.supported = { ...options.supported, "dynamic-import": false };
};

/** The command starts for each AWS CLI call: in one file it starts a third faster than from `node_modules`. */
const bundled: Options = {
  ...shared,
  format: "cjs",
  noExternal: [/.*/],
  shims: true,
  // Else imports of parts of Node are settled before a plugin sees them.
  removeNodeProtocol: false,
  esbuildOptions: requireInCommonJs,
  // The AWS SDK's own switch for its warning about Node's version, set for the command alone and not for what it starts.
  define: { "process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED": '"true"' },
};

/** Imports of `source`, a file of `src`, become imports of the file `name` in `dist`. */
const staysOutside = (source: string, name: string): EsbuildPlugin => ({
  name: "stays-outside",
  setup: ({ initialOptions, onResolve }) => {
    const extension = initialOptions.format === "cjs" ? "cjs" : "js";
    onResolve({ filter: /^\.{1,2}\// }, ({ path, resolveDir }) =>
      join(resolveDir, path) === resolve("src", source)
        ? { path: `./${name}.${extension}`, external: true }
        : undefined,
    );
  },
});

/** A part of the library. In place of chunks: to load one file is faster than to load two. */
const library = (name: string, source: string, outside: EsbuildPlugin[] = []): Options => ({
  ...shared,
  entry: { [name]: join("src", source) },
  format: ["esm", "cjs"],
  splitting: false,
  esbuildOptions: requireInCommonJs,
  esbuildPlugins: outside,
});

/**
 * What the command needs of large packages, and no more: its start is a part of every AWS CLI call. It never looks for
 * AWS credentials of other sources, so the SDK's chain of them stays out.
 */
const SMALLER: Readonly<Record<string, string>> = {
  "google-auth-library": `export * as gaxios from "gaxios"; export * as gcpMetadata from "gcp-metadata";`,
  "@aws-sdk/credential-providers": `export { fromWebToken } from "@aws-sdk/credential-provider-web-identity";`,
  "@aws-sdk/nested-clients/sts": `export { getDefaultRoleAssumerWithWebIdentity } from "@aws-sdk/client-sts";`,
  "@aws-sdk/credential-provider-node": `export const defaultProvider = () => async () => { throw new Error("not in this bundle"); };`,
  // Only for a Node without web streams.
  "web-streams-polyfill/dist/ponyfill.es2018.js": "export {};",
  // Of gcp-metadata's own requests, which the command does not make: it takes the address and the names from there.
  "google-logging-utils": "export const log = () => undefined;",
  "json-bigint": "export default () => JSON;",
};

/** What commander needs for commands that are programs of their own, and the SDK for services other than STS. */
const UNUSED_PARTS_OF_NODE = /node_modules\/(?:commander\/.* child_process|@smithy\/node-http-handler\/.* http2)$/;

const onlyWhatIsNeeded: EsbuildPlugin = {
  name: "only-what-is-needed",
  setup: ({ onResolve, onLoad }) => {
    const filter = new RegExp(`^(${Object.keys(SMALLER).join("|")})$`);
    onResolve({ filter }, ({ path }) => ({ path, namespace: "smaller" }));
    onResolve({ filter: /^(?:node:)?(?:child_process|http2)$/ }, ({ path, importer }) =>
      UNUSED_PARTS_OF_NODE.test(`${importer} ${path.replace("node:", "")}`)
        ? { path, namespace: "smaller" }
        : undefined,
    );
    onLoad({ filter: /.*/, namespace: "smaller" }, ({ path }) => ({
      contents: SMALLER[path] ?? "export default {};",
      resolveDir: ".",
    }));
  },
};

/** The licence texts of what is bundled, which its licences ask for. */
const writeLicences: EsbuildPlugin = {
  name: "write-licences",
  setup: ({ initialOptions, onEnd }) => {
    initialOptions.metafile = true;
    // ES modules, where a package has them: only those are rid of what is not used.
    initialOptions.mainFields = ["module", "main"];
    onEnd(async ({ metafile }) => {
      const files = Object.keys(metafile?.inputs ?? {});
      const packages = new Set(files.flatMap((file) => file.match(/^.*node_modules\/(?:@[^/]+\/)?[^/]+/)?.[0] ?? []));
      const texts = await Promise.all([...packages].sort().map(licenceOf));
      await mkdir("dist", { recursive: true });
      await writeFile(join("dist", "THIRD-PARTY-LICENSES.txt"), texts.join(`\n${"-".repeat(80)}\n\n`));
    });
  },
};

async function licenceOf(directory: string): Promise<string> {
  const { name, version, license } = JSON.parse(await readFile(join(directory, "package.json"), "utf8")) as Record<
    string,
    string
  >;
  const file = (await readdir(directory)).find((entry) => /^(licen[cs]e|copying)/i.test(entry));
  const text = file ? await readFile(join(directory, file), "utf8") : "";
  return `${name} ${version} (${license}), bundled into dist/cli-program.cjs\n\n${text}`;
}

export default defineConfig([
  library("index", "index.ts", [staysOutside("keep-session.js", "keep-session")]),
  // Its errors are those of the index: whoever compares classes sees one.
  library("keep-session", "keep-session.ts", [staysOutside("errors/gke-workload-identity-error.js", "index")]),
  library("testing", "testing/index.ts"),
  {
    ...shared,
    entry: { index: "src/index.ts", testing: "src/testing/index.ts" },
    format: ["esm", "cjs"],
    dts: { only: true },
  },
  { ...bundled, entry: { cli: "src/cli/main.ts" }, esbuildPlugins: [staysOutside("cli/program.js", "cli-program")] },
  {
    ...bundled,
    entry: { "cli-program": "src/cli/program.ts" },
    minify: true,
    inject: ["scripts/light-globals.js"],
    esbuildPlugins: [onlyWhatIsNeeded, writeLicences],
  },
]);
