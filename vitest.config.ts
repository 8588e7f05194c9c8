import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    exclude: ["test/package/**", "test/e2e/**", "test/clients/**", "test/examples/**", "test/docs/**"],
    setupFiles: ["test/support/clean-environment.ts"],
    unstubEnvs: true,
    restoreMocks: true,
    testTimeout: 20_000,
    // More than the cores: most tests wait for a time limit or a server.
    maxWorkers: 4,
    coverage: {
      provider: "v8",
      include: ["src/**/*.ts"],
      // The program's start: tests run it as a process of its own.
      exclude: ["src/cli/main.ts"],
      reporter: ["text", "json-summary"],
      thresholds: { lines: 95, branches: 95, functions: 95, statements: 95 },
    },
  },
});
