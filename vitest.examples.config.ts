import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/examples/**/*.test.ts"],
    setupFiles: ["test/support/clean-environment.ts"],
    unstubEnvs: true,
    testTimeout: 60_000,
  },
});
