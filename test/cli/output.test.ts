import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createLog, type LogEntry, type LogFormat, toMessage } from "../../src/cli/output.js";
import { createError } from "../../src/errors/create-error.js";
import { ROLE_ARN } from "../support/two-clouds.js";

beforeEach(() => vi.useFakeTimers({ now: Date.parse("2026-11-29T12:00:00Z") }));
afterEach(() => vi.useRealTimers());

const FAILURE: LogEntry = {
  severity: "WARNING",
  message: "AWS refused the role.",
  code: "STS_ACCESS_DENIED",
  hint: "1. Check the trust policy:\n  gke-aws-credentials trust-policy\n2. Wait.",
  servedUntil: new Date("2026-11-29T12:30:00Z"),
  nextTryAt: new Date("2026-11-29T12:00:12Z"),
};

function written(format: LogFormat, entry: LogEntry): string {
  let text = "";
  createLog({ stderr: { write: (line) => (text += line) } }, format)({ path: "/", roleArn: ROLE_ARN }, entry);
  return text;
}

describe("the log of serve", () => {
  it("is one line for each entry, also with a hint of several lines", () => {
    expect(written("text", FAILURE)).toBe(
      "/: AWS refused the role. The old session is served until 2026-11-29T12:30:00.000Z. Trying again in 12 s. 1. Check the trust policy: gke-aws-credentials trust-policy 2. Wait.\n",
    );
    expect(written("text", { severity: "INFO", message: "New session." })).toBe("/: New session.\n");
  });

  it("is one JSON object for each entry, by the names that Cloud Logging knows, when it is asked for", () => {
    const line = written("json", FAILURE);
    expect(line.indexOf("\n")).toBe(line.length - 1);
    expect(JSON.parse(line)).toEqual({
      time: "2026-11-29T12:00:00.000Z",
      role: ROLE_ARN,
      ...FAILURE,
      servedUntil: "2026-11-29T12:30:00.000Z",
      nextTryAt: "2026-11-29T12:00:12.000Z",
    });
  });
});

const JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl";

describe("a failure on stderr", () => {
  it.each([
    ["of the command", new Error(`/x cannot be written: ${JWT}\u001b[2J`)],
    ["that is no error", `thrown: ${JWT}\u001b[2J`],
  ])("%s is one line, without tokens and control characters", (_, failure) => {
    const shown = toMessage(failure);
    expect(shown).toMatch(/^gke-aws-credentials: .*\[redacted\]\\u001b\[2J$/);
    expect(shown).not.toContain("eyJ");
  });

  it("has at most 2000 characters", () => {
    expect(toMessage(new Error("é".repeat(5_000))).length).toBeLessThanOrEqual(2_000);
  });

  it("of the library is its message, and then its hint", () => {
    const error = createError("STS_ACCESS_DENIED", { reason: "because." });
    const [first, ...others] = toMessage(error).split("\n");
    expect([first, others.join("\n")]).toEqual([error.message, error.hint]);
  });
});
