import { defineConfig } from "vitest/config";

// The tests of the four modules that are mutated, without those that wait for servers and time limits of seconds.
export default defineConfig({
  test: {
    include: [
      "test/sts/assume-role.test.ts",
      "test/{sts,token}/classify-*.test.ts",
      "test/cache/credential-cache.test.ts",
      "test/errors/gke-workload-identity-error.test.ts",
      "test/from-gke-workload-identity.test.ts",
      "test/token/metadata-id-token.test.ts",
      "test/errors/troubleshooting.test.ts",
    ],
    setupFiles: ["test/support/clean-environment.ts"],
    unstubEnvs: true,
    restoreMocks: true,
    testTimeout: 5_000,
  },
});
