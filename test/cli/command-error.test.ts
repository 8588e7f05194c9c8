import { describe, expect, it } from "vitest";
import { CommandError, toMessage } from "../../src/cli/command-error.js";
import { createError } from "../../src/errors/create-error.js";

const JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl";

describe("a failure on stderr", () => {
  it.each([
    ["of the command", new CommandError(`/x cannot be written: ${JWT}\u001b[2J`)],
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
