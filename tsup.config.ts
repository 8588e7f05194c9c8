import { defineConfig, type Options } from "tsup";

const shared: Options = {
  target: "node20",
  platform: "node",
  removeNodeProtocol: false,
  // CommonJS requires, lazily: Jest cannot run `import()` unless Node has a flag, and it loads more of Node.
  esbuildOptions: (options, { format }) => {
    if (format === "cjs") options.supported = { ...options.supported, "dynamic-import": false };
  },
};

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

const onlyWhatIsNeeded: NonNullable<Options["esbuildPlugins"]>[number] = {
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

/** Types are built for each entry by itself, so that each is in the file of its name. */
const types = (entry: Record<string, string>): Options => ({
  ...shared,
  entry,
  format: ["esm", "cjs"],
  dts: { only: true },
});

const command: Options = {
  ...shared,
  format: "cjs",
  // All but the other file of the command.
  external: ["./cli-program.cjs"],
  noExternal: [/^(?!\.\/cli-program\.cjs$)/],
  // Names stay, so that the bundle can be read: only white space is taken away.
  minifyWhitespace: true,
  // The AWS SDK's own switch for its warning about Node's version, set for the command alone and not for what it starts.
  define: { "process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED": '"true"' },
};

export default defineConfig([
  {
    ...shared,
    entry: { index: "src/index.ts", testing: "src/testing/index.ts" },
    format: ["esm", "cjs"],
  },
  types({ index: "src/index.ts" }),
  types({ testing: "src/testing/index.ts" }),
  // Two files: the first one listens for signals before the second one, which takes a while to load.
  { ...command, entry: { cli: "src/cli/main.ts" } },
  {
    ...command,
    entry: { "cli-program": "src/cli/program.ts" },
    metafile: true,
    shims: true,
    inject: ["scripts/light-globals.js"],
    esbuildOptions: (options, context) => {
      shared.esbuildOptions?.(options, context);
      // ES modules, where a package has them: only those are rid of what is not used.
      options.mainFields = ["module", "main"];
    },
    esbuildPlugins: [onlyWhatIsNeeded],
  },
]);
