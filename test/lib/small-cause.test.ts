import { expect, it } from "vitest";
import { copyFailure } from "../../src/lib/failure.js";

it("keeps the field text of a failure that is such a copy already, without secrets", () => {
  const first = Object.assign(new Error("HTTP status 403"), { text: "refused: secret-of-the-caller" });
  expect(copyFailure(first, ["secret-of-the-caller"])).toMatchObject({
    message: "HTTP status 403",
    text: "refused: [redacted]",
  });
});
