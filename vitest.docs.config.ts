import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/docs/**/*.test.ts"],
    setupFiles: ["test/support/clean-environment.ts"],
    unstubEnvs: true,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
