import { inspect } from "node:util";
import { describe, expect, it, vi } from "vitest";
import { redactError, redactingLogger, redactText } from "../../src/lib/redact.js";

const token = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl";

describe("redactText", () => {
  it("takes JWTs and the given secrets out", () => {
    expect(redactText(`sent ${token}&key=s3cret`, ["s3cret", ""])).toBe("sent [redacted]&key=[redacted]");
  });
});

describe("redactError", () => {
  it("keeps the object, and takes secrets out of every text in it", () => {
    const inner = Object.assign(new Error(`inner ${token}`), { response: { data: token, status: 403 } });
    const error = Object.assign(new Error(`outer ${token}`, { cause: inner }), { code: "E" });
    expect(redactError(error)).toBe(error);
    expect(inspect(error, { depth: 10, showHidden: true })).not.toContain(token);
    expect(error).toMatchObject({ code: "E", message: "outer [redacted]", cause: { response: { status: 403 } } });
  });

  it("ends on an object that holds itself, and leaves what cannot be written", () => {
    const error: Error & { self?: unknown } = new Error(token);
    error.self = error;
    expect(redactError(Object.freeze({ text: token }))).toEqual({ text: token });
    expect(redactError(error).message).toBe("[redacted]");
    expect(redactError(undefined)).toBeUndefined();
    expect(
      redactError({
        get text() {
          return "x";
        },
      }).text,
    ).toBe("x");
  });
});

describe("redactingLogger", () => {
  it("hides the secret fields of what the SDK logs, at any depth", () => {
    const info = vi.fn();
    const logger = redactingLogger({ debug: vi.fn(), info, warn: vi.fn(), error: vi.fn() });
    const date = new Date();
    logger.info(
      { output: { Credentials: { SessionToken: "st", SecretAccessKey: "sk", AccessKeyId: "ASIA", Expiration: date } } },
      [token, 1, null],
      new Error(token),
      { a: { b: { c: { d: { e: { f: { g: "deep" } } } } } } },
    );
    expect(info).toHaveBeenCalledExactlyOnceWith(
      {
        output: {
          Credentials: {
            SessionToken: "[redacted]",
            SecretAccessKey: "[redacted]",
            AccessKeyId: "ASIA",
            Expiration: date,
          },
        },
      },
      ["[redacted]", 1, null],
      "Error: [redacted]",
      { a: { b: { c: { d: { e: { f: "[redacted]" } } } } } },
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
