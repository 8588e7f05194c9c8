import { describe, expect, it } from "vitest";
import { fail, ok, runStep, warn } from "../../src/doctor/step.js";
import { createError } from "../../src/errors/create-error.js";

const JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl";

describe("the report of a step", () => {
  it("has no token and no control character, neither in its detail nor in its hint", async () => {
    const { report } = await runStep("exchange", () => warn(`got ${JWT}\u001b[2J`, `first\nsend ${JWT}\u001b[2J`));
    expect(report).toMatchObject({
      detail: "got [redacted]\\u001b[2J",
      hint: "first\nsend [redacted]\\u001b[2J",
    });
  });

  it("has a detail of at most 500 characters", async () => {
    const { report } = await runStep("exchange", () => ok("é".repeat(5_000)));
    expect(report.detail).toHaveLength(500);
  });

  it("says how long the check took", async () => {
    const start = performance.now();
    const { report } = await runStep("exchange", () => {
      while (performance.now() - start < 3) JSON.stringify({});
      return ok("");
    });
    expect(report.durationMs).toBeGreaterThanOrEqual(3);
    expect(report.durationMs).toBeLessThanOrEqual(Math.ceil(performance.now() - start));
  });

  it("is a failure with the code and the hint of an error of the library, or of the check's own", async () => {
    const error = createError("STS_ACCESS_DENIED");
    const thrown = await runStep("exchange", () => Promise.reject(error));
    expect(thrown.report).toMatchObject({ status: "failed", code: "STS_ACCESS_DENIED", hint: error.hint });
    const own = await runStep("clock", () => fail("CLOCK_SKEW", "off", "Set it."));
    expect(own.report).toMatchObject({ status: "failed", code: "CLOCK_SKEW", detail: "off", hint: "Set it." });
  });
});
