import { describe, expect, it } from "vitest";
import { showValue } from "../../src/lib/show-value.js";

describe("a wrong value in an error", () => {
  it.each([
    ["a text", '"a text"'],
    ['with "quotes"\n', '"with \\"quotes\\"\\n"'],
    ["", '""'],
    [Number.NaN, "NaN"],
    [900n, "900n"],
    [null, "null"],
    [undefined, "undefined"],
    [Symbol("s"), "Symbol(s)"],
    [() => {}, "a function"],
    [function named() {}, "function named"],
    [[], "[]"],
    [{}, "{}"],
    [["us-east-1", 1], '["us-east-1", 1]'],
    [[{ arn: "x" }], '[{ arn: "x" }]'],
    [{ region: "x", credentials: { secretAccessKey: "s" } }, '{ region: "x", credentials: {…} }'],
    [[{ deep: { deeper: 1 } }, { list: [1] }, [1]], "[{ deep: {…} }, { list: […] }, […]]"],
  ])("%# is shown", (value, shown) => {
    expect(showValue(value)).toBe(shown);
  });

  it("is cut at 120 characters", () => {
    expect(showValue("x".repeat(500))).toBe(`"${"x".repeat(119)}…`);
  });

  it("is shown without the tokens in it", () => {
    expect(showValue(`${"x".repeat(80)} eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl`)).toContain("[redacted]");
  });

  it("that holds itself is shown", () => {
    const value: { self?: unknown } = {};
    value.self = value;
    expect(showValue(value)).toBe("{ self: {…} }");
  });
});
