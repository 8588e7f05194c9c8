import { defineConfig } from "vitest/config";

// The tests of the modules that are mutated, without those that take seconds: each of them runs hundreds of times.
export default defineConfig({
  test: {
    include: [
      "test/token/{metadata,token-failure,check-token,token-source,google-cloud}.test.ts",
      "test/sts/{assume-role,session,regions,sts-failure}.test.ts",
      "test/cache/{credential-cache,requests,refresh-window}.test.ts",
      "test/errors/*.test.ts",
      "test/from-gke-workload-identity.test.ts",
    ],
    setupFiles: ["test/support/clean-environment.ts"],
    unstubEnvs: true,
    restoreMocks: true,
    testTimeout: 5_000,
  },
});
