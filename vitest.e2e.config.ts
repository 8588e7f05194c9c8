import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/e2e/**/*.test.ts"],
    setupFiles: ["test/support/clean-environment.ts"],
    unstubEnvs: true,
    testTimeout: 30_000,
    hookTimeout: 200_000,
    teardownTimeout: 30_000,
  },
});
