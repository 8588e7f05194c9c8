import { defineConfig } from "vitest/config";

// The tests of the four modules that are mutated, without those that wait for servers and time limits of seconds.
export default defineConfig({
  test: {
    include: [
      "test/assume-role.test.ts",
      "test/classify-*.test.ts",
      "test/credential-cache.test.ts",
      "test/errors.test.ts",
      "test/from-gke-workload-identity.test.ts",
      "test/google-id-token.test.ts",
      "test/troubleshooting.test.ts",
    ],
    setupFiles: ["test/support/clean-environment.ts"],
    unstubEnvs: true,
    restoreMocks: true,
    testTimeout: 5_000,
  },
});
