import { describe, expect, it } from "vitest";
import { createError } from "../../src/errors/create-error.js";
import type { ErrorEntry } from "../../src/errors/error-table.js";
import { sentenceOf, textsOf } from "../../src/errors/format-error.js";

const entry = (more: Partial<ErrorEntry>): ErrorEntry => ({
  message: () => "It broke",
  hint: () => "Fix it:",
  causes: [],
  retryable: false,
  tryNextLink: false,
  ...more,
});
const texts = (more: Partial<ErrorEntry>) => textsOf("STS_ACCESS_DENIED", entry(more), {});
const POINTER =
  " How to fix it: see the error's hint, or node_modules/gke-aws-credentials/docs/troubleshooting.md#sts_access_denied (STS_ACCESS_DENIED)";

describe("the message of an error", () => {
  it.each([
    ["It broke", "It broke."],
    ["It broke.", "It broke."],
    ["Did it break?", "Did it break?"],
    ["It broke: 1.5 times", "It broke: 1.5 times."],
  ])("ends the sentence %s with one mark, and says where the fix is", (said, shown) => {
    expect(texts({ message: () => said }).message).toBe(shown + POINTER);
  });

  it("has 2,000 bytes at most, the longest sentence cut", () => {
    const { message } = texts({ message: () => "x".repeat(5_000) });
    expect(Buffer.byteLength(message)).toBeGreaterThan(1_990);
    expect(Buffer.byteLength(message)).toBeLessThanOrEqual(2_000);
    expect(message.endsWith(POINTER)).toBe(true);
  });

  it("is given without the place of the fix by sentenceOf", () => {
    expect(sentenceOf(createError("STS_ACCESS_DENIED", { reason: "no." }))).toMatch(/ no\.$/);
    expect(sentenceOf({ message: "other", code: "STS_ACCESS_DENIED" } as never)).toBe("other");
  });
});

describe("the hint of an error", () => {
  const MORE = "More: node_modules/gke-aws-credentials/docs/troubleshooting.md#sts_access_denied";

  it("is prose, the commands on lines of their own, and where to read more", () => {
    expect(texts({}).hint).toBe(`Fix it:\n${MORE}`);
    expect(texts({ commands: () => ["date", "env"] }).hint).toBe(`Fix it:\n  date\n  env\n${MORE}`);
  });

  it("leaves claims and audience out when it would have more than 4,000 bytes, and keeps the rest", () => {
    const details = { audience: "x".repeat(100), region: "us-east-1" };
    const hint = (times: number) => (d: { audience?: unknown; region?: unknown }) =>
      d.audience === undefined ? `short in ${d.region}` : "y".repeat(times);
    const room = 4_000 - MORE.length - 1;
    const hintWith = (times: number) => textsOf("STS_ACCESS_DENIED", entry({ hint: hint(times) }), details).hint;
    expect(hintWith(room)).toBe(`${"y".repeat(room)}\n${MORE}`);
    expect(hintWith(room + 1)).toBe(`short in us-east-1\n${MORE}`);
  });
});
