import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/package/**/*.test.ts"],
    setupFiles: ["test/support/clean-environment.ts"],
    unstubEnvs: true,
    testTimeout: 90_000,
    hookTimeout: 90_000,
    fileParallelism: false,
  },
});
