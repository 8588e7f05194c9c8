import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/clients/**/*.test.ts"],
    setupFiles: ["test/support/clean-environment.ts"],
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
});
