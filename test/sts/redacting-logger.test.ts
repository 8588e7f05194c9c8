import { describe, expect, it, vi } from "vitest";
import { redactingLogger } from "../../src/sts/sts-client.js";

const token = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl";

describe("redactingLogger", () => {
  it("hides the secret fields of what the SDK logs, at any depth", () => {
    const info = vi.fn();
    const logger = redactingLogger({ debug: vi.fn(), info, warn: vi.fn(), error: vi.fn() });
    const date = new Date();
    logger.info(
      { output: { Credentials: { SessionToken: "st", SecretAccessKey: "sk", AccessKeyId: "ASIA", Expiration: date } } },
      [token, 1, null],
      new Error(token),
    );
    expect(info).toHaveBeenCalledExactlyOnceWith(
      {
        output: {
          Credentials: {
            SessionToken: "[redacted]",
            SecretAccessKey: "[redacted]",
            AccessKeyId: "ASIA",
            Expiration: date.toISOString(),
          },
        },
      },
      ["[redacted]", 1, null],
      "Error: [redacted]",
    );
  });

  it("passes every level on, where the logger has it", () => {
    const calls: string[] = [];
    const level = (name: string) => () => calls.push(name);
    const logger = redactingLogger({
      debug: level("debug"),
      info: level("info"),
      warn: level("warn"),
      error: level("error"),
    });
    logger.trace?.("x");
    logger.debug("x");
    logger.warn("x");
    logger.error("x");
    expect(calls).toEqual(["debug", "warn", "error"]);
  });
});
