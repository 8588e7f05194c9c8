import { afterEach, describe, expect, it } from "vitest";
import { resolveOptions } from "../../src/options/option-rules.js";

afterEach(() => {
  delete (Object.prototype as { audience?: string }).audience;
});

describe("resolveOptions", () => {
  it("keeps the audience, the service account and the time limit when they are given", () => {
    const init = {
      audience: "gcp",
      serviceAccountEmail: "a-b-c-d@example-project.iam.gserviceaccount.com",
      timeoutMs: 900,
    };
    expect(resolveOptions(init)).toMatchObject(init);
  });

  it("fills in the defaults when they are not", () => {
    expect(resolveOptions({})).toMatchObject({
      audience: "sts.amazonaws.com",
      serviceAccountEmail: "default",
      timeoutMs: 30_000,
    });
  });

  it("ignores an option that stands on Object.prototype", () => {
    (Object.prototype as { audience?: string }).audience = "attacker";
    expect(resolveOptions({}).audience).toBe("sts.amazonaws.com");
  });
});
