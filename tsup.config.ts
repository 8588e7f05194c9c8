import { defineConfig } from "tsup";

const shared = {
  target: "node20",
  platform: "node",
  // In CommonJS too: without it import() is inlined, and each entry gets its own copy of the error class.
  splitting: true,
  treeshake: true,
} as const;

export default defineConfig([
  {
    ...shared,
    entry: { index: "src/index.ts", testing: "src/testing/index.ts" },
    format: ["esm", "cjs"],
    dts: true,
    // CommonJS has no import.meta.url.
    shims: true,
  },
  { ...shared, entry: { cli: "src/cli/main.ts" }, format: ["esm"] },
]);
