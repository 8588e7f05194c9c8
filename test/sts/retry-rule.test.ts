import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it, vi } from "vitest";
import { readRetryRule } from "../../src/sts/retry-rule.js";

const directory = mkdtempSync(join(tmpdir(), "retry-rule-"));
afterAll(() => rmSync(directory, { recursive: true }));

function useConfigFile(name: string, text: string): void {
  const path = join(directory, name);
  writeFileSync(path, text);
  vi.stubEnv("AWS_CONFIG_FILE", path);
}

describe("readRetryRule", () => {
  it("leaves retries to this package, with one try of the SDK, when nothing is set", async () => {
    expect(await readRetryRule(undefined, undefined)).toEqual({ isOurs: true, maxAttempts: 1 });
    expect(await readRetryRule({ maxAttempts: undefined } as never, undefined)).toMatchObject({ isOurs: true });
  });

  it.each([{ maxAttempts: 2 }, { retryMode: "adaptive" }, { retryStrategy: {} as never }])(
    "leaves retries to the SDK when clientConfig has %j",
    async (clientConfig) => {
      vi.stubEnv("AWS_MAX_ATTEMPTS", "7");
      expect(await readRetryRule(clientConfig, undefined)).toEqual({ isOurs: false, maxAttempts: undefined });
    },
  );

  it("takes AWS_MAX_ATTEMPTS before max_attempts of the profile", async () => {
    useConfigFile("both", "[default]\nmax_attempts = 4\n[profile team]\nmax_attempts = 5\n");
    expect(await readRetryRule(undefined, undefined)).toEqual({ isOurs: false, maxAttempts: 4 });
    expect(await readRetryRule(undefined, "team")).toEqual({ isOurs: false, maxAttempts: 5 });
    vi.stubEnv("AWS_MAX_ATTEMPTS", "2");
    expect(await readRetryRule(undefined, "team")).toEqual({ isOurs: false, maxAttempts: 2 });
  });

  it("keeps its own retries when only a retry mode is set", async () => {
    useConfigFile("mode", "[default]\nretry_mode = adaptive\n");
    vi.stubEnv("AWS_RETRY_MODE", "standard");
    expect(await readRetryRule(undefined, undefined)).toEqual({ isOurs: true, maxAttempts: 1 });
  });

  it("tries once when the number is 0, and refuses what is no number", async () => {
    vi.stubEnv("AWS_MAX_ATTEMPTS", "0");
    expect(await readRetryRule(undefined, undefined)).toEqual({ isOurs: false, maxAttempts: 1 });
    vi.stubEnv("AWS_MAX_ATTEMPTS", "9999");
    expect(await readRetryRule(undefined, undefined)).toEqual({ isOurs: false, maxAttempts: 9_999 });
    for (const wrong of ["many", "3 x3", "x3x3", "3x3x", "12345"]) {
      vi.stubEnv("AWS_MAX_ATTEMPTS", wrong);
      await expect(readRetryRule(undefined, undefined)).rejects.toMatchObject({
        code: "INVALID_CONFIGURATION",
        message: expect.stringMatching(
          new RegExp(`AWS_MAX_ATTEMPTS.*a text of ${wrong.length} characters, but must be a whole number`),
        ),
      });
    }
  });
});
