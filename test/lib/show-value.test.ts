import { describe, expect, it } from "vitest";
import { describeValue } from "../../src/lib/show-value.js";

describe("describeValue", () => {
  it.each([
    ["a text", "a text of 6 characters"],
    ["x", "a text of 1 character"],
    ["", "an empty text"],
    [Number.NaN, "NaN"],
    [-1.5, "-1.5"],
    [900n, "900n"],
    [true, "true"],
    [null, "null"],
    [undefined, "undefined"],
    [Symbol("ya29.secret"), "a symbol"],
    [() => {}, "a function"],
    [function ya29secret() {}, "a function"],
    [[], "an empty list"],
    [["us-east-1"], "a list of 1 value"],
    [[1, 2], "a list of 2 values"],
    [{}, "an object without keys"],
    [{ arn: "x" }, "an object with the key arn"],
    [{ region: "x", credentials: { secretAccessKey: "s" } }, "an object with the keys region, credentials"],
  ])("%# says the type of a value, and shows it only where it cannot be a secret", (value, shown) => {
    expect(describeValue(value)).toBe(shown);
  });

  it("limits the number and the length of key names, and escapes and redacts them", () => {
    const keys = { [`ya29.${"a".repeat(30)}`]: 1, "a\nb\u202e": 2, ["k".repeat(1_000)]: 3 };
    const shown = describeValue({ ...keys, d: 4, e: 5, f: 6, g: 7, h: 8, i: 9, j: 10 });
    expect(shown).toBe(
      `an object with the keys [redacted], a\\nb\\u202e, ${"k".repeat(37)}…, d, e, f, g, h and 2 more`,
    );
  });
});
