import { defineConfig } from "vitest/config";

const programs = "test/support/with-built-programs.ts";
/** The live check as a program, with kubectl. */
const LIVE = "test/live/run.test.ts";
const wholePackage = "test/support/with-built-package.ts";

const alone = [
  // Fake clocks must not meet the waits that a test of another file left behind.
  "test/cache/*.test.ts",
  "test/lib/time.test.ts",
  "test/token/{token-source,metadata}.test.ts",
  "test/sts/assume-role.test.ts",
  "test/cli/{credentials-server,keep-fresh,serve-roles,connection-limit}.test.ts",
  "test/{simulated-day,from-gke-workload-identity}.test.ts",
  // In-process serve and exec leave a provider behind that still refreshes.
  "test/cli/{serve,exec}.test.ts",
];

interface Suite {
  readonly include: string[];
  readonly exclude?: string[];
  /** What must be built from the newest sources before the first test. */
  readonly globalSetup?: string | string[];
  /** Whether each file gets packages loaded anew. Without it the files of a worker share them, which is faster. */
  readonly isolate?: boolean;
  readonly testTimeout: number;
  readonly hookTimeout?: number;
  /** How often a failed test is tried again. Only for tests that a busy machine, or a server that is not ours, can fail. */
  readonly retry?: number;
  /** Files at the same time. */
  readonly maxWorkers: number;
  /** Whether its files run at the same time as those of the first suite, which must have the same `maxWorkers`. */
  readonly isBesideFirst?: boolean;
}

/** One project for each suite, in the order in which they run when several are asked for. */
const suites: Readonly<Record<string, Suite>> = {
  // Runs from the sources. More workers than cores: most tests wait for a server or a time limit.
  unit: {
    include: ["test/**/*.test.ts"],
    exclude: ["test/**/*.slow.test.ts", "test/{package,examples,clients,e2e,docs,libraries}/**", LIVE, ...alone],
    isolate: false,
    testTimeout: 20_000,
    retry: 1,
    maxWorkers: 4,
  },
  time: { include: alone, testTimeout: 20_000, retry: 1, maxWorkers: 4, isBesideFirst: true },
  package: {
    include: ["test/package/**/*.test.ts"],
    globalSetup: wholePackage,
    testTimeout: 90_000,
    hookTimeout: 90_000,
    maxWorkers: 4,
    isBesideFirst: true,
  },
  // What needs the built command, signals, load, wall time or a network of its own. Nothing else runs meanwhile.
  slow: {
    include: ["test/**/*.slow.test.ts"],
    globalSetup: programs,
    isolate: false,
    testTimeout: 30_000,
    retry: 1,
    // Most of them wait.
    maxWorkers: 8,
  },
  examples: {
    include: ["test/examples/**/*.test.ts"],
    globalSetup: wholePackage,
    testTimeout: 60_000,
    maxWorkers: 2,
  },
  clients: {
    include: ["test/clients/**/*.test.ts"],
    globalSetup: [programs, "test/clients/with-gateway.ts"],
    testTimeout: 120_000,
    retry: 1,
    maxWorkers: 2,
  },
  // Installs the newest release of each library that the docs have a snippet for.
  libraries: {
    include: ["test/libraries/**/*.test.ts"],
    globalSetup: wholePackage,
    testTimeout: 30_000,
    hookTimeout: 400_000,
    retry: 1,
    maxWorkers: 1,
  },
  radosgw: {
    include: ["test/e2e/**/*.test.ts"],
    globalSetup: programs,
    testTimeout: 30_000,
    hookTimeout: 200_000,
    retry: 1,
    maxWorkers: 1,
  },
  docs: {
    include: ["test/docs/**/*.test.ts", LIVE],
    globalSetup: wholePackage,
    testTimeout: 120_000,
    hookTimeout: 120_000,
    maxWorkers: 2,
  },
};

export default defineConfig({
  test: {
    setupFiles: ["test/support/clean-environment.ts"],
    unstubEnvs: true,
    restoreMocks: true,
    teardownTimeout: 30_000,
    coverage: {
      include: ["src/**/*.ts"],
      // The program's start: tests run it as a process of its own.
      exclude: ["src/cli/main.ts"],
      reporter: ["text", "json-summary"],
      thresholds: { lines: 99, branches: 95, functions: 98, statements: 99 },
    },
    projects: Object.entries(suites).map(([name, { isBesideFirst, ...suite }], place) => ({
      extends: true,
      test: { name, ...suite, sequence: { groupOrder: isBesideFirst ? 0 : place } },
    })),
  },
});
