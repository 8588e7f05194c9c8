import { defineConfig } from "vitest/config";

// The tests of the modules that are mutated, without those that take seconds: each of them runs hundreds of times.
export default defineConfig({
  test: {
    include: [
      "test/token/{metadata,token-failure,check-token,token-source}.test.ts",
      "test/sts/{assume-role,classify-sts-failure,region-failover,retry-rule}.test.ts",
      "test/cache/{credential-cache,refresh-window}.test.ts",
      "test/errors/{gke-workload-identity-error,format-error,troubleshooting}.test.ts",
      "test/from-gke-workload-identity.test.ts",
    ],
    setupFiles: ["test/support/clean-environment.ts"],
    unstubEnvs: true,
    restoreMocks: true,
    testTimeout: 5_000,
  },
});
