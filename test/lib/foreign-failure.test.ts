import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { describeFailure, isLoadFailure, isTransient as isNetworkFailure, isTimeout } from "../../src/lib/failure.js";

const withCode = (code: string) => Object.assign(new Error(code), { code });
const named = (name: string) => Object.assign(new Error(name), { name });

describe("isNetworkFailure", () => {
  it.each([
    ["a refused connection", withCode("ECONNREFUSED")],
    ["one below a cause", new Error("fetch failed", { cause: withCode("ECONNRESET") })],
    ["one of several addresses", new AggregateError([withCode("EHOSTUNREACH"), withCode("ENETUNREACH")])],
    ["a name that does not resolve yet", withCode("EAI_AGAIN")],
    ["a time-out", named("TimeoutError")],
  ])("sees %s", (_, error) => {
    expect(isNetworkFailure(error)).toBe(true);
  });

  it.each([[undefined], ["ECONNREFUSED"], [new Error("x")], [withCode("ERR_INVALID_ARG_TYPE")]])(
    "is not misled by %s",
    (error) => {
      expect(isNetworkFailure(error)).toBe(false);
    },
  );

  it("ends on causes that go round in a circle", () => {
    const error = new Error("a");
    error.cause = error;
    expect(isNetworkFailure(error)).toBe(false);
  });
});

describe("isLoadFailure", () => {
  it("sees a package that is missing, and a sandbox without import()", async () => {
    const missing = await import(`no-such-package-${"anywhere"}`).catch((error: unknown) => error);
    const refused = await runInNewContext('import("node-fetch")').catch((error: unknown) => error);
    for (const error of [missing, refused]) {
      expect(isLoadFailure(error)).toBe(true);
      expect(isLoadFailure(new Error("request failed", { cause: error }))).toBe(true);
      expect(isNetworkFailure(error)).toBe(false);
    }
  });

  it.each([[undefined], [new Error("MODULE_NOT_FOUND")], [withCode("ENOTFOUND")]])("is not misled by %s", (error) => {
    expect(isLoadFailure(error)).toBe(false);
  });
});

describe("isTimeout", () => {
  it.each([
    [withCode("ETIMEDOUT")],
    [named("AbortError")],
    [{ type: "aborted" }],
    [new Error("x", { cause: named("TimeoutError") })],
  ])("sees %s", (error) => {
    expect(isTimeout(error)).toBe(true);
  });

  it("is not misled by a refused connection", () => {
    expect(isTimeout(withCode("ECONNREFUSED"))).toBe(false);
  });
});

describe("describeFailure", () => {
  it.each([
    [{ status: 404, message: "a" }, 404],
    [{ response: { status: 429 }, message: "a" }, 429],
    [{ $metadata: { httpStatusCode: 503 }, message: "a" }, 503],
    [{ status: "404", message: "a" }, undefined],
  ])("finds the HTTP status of %j", (error, status) => {
    expect(describeFailure(error)).toEqual({ status, text: "a" });
  });

  it("says the HTTP status where the SDK says nothing, and leaves out where the SDK says to look", () => {
    const ofSdk = (message: string, httpStatusCode?: number) =>
      describeFailure(Object.assign(new Error(message), { $metadata: { httpStatusCode } })).text;
    expect(ofSdk("UnknownError", 502)).toBe("HTTP status 502");
    expect(ofSdk("Unknown", 502)).toBe("HTTP status 502");
    expect(ofSdk("Unknown")).toBe("Unknown");
    const look =
      "Deserialization error: to see the raw response, inspect the hidden field {error}.$response on this object.";
    expect(ofSdk(`not XML.\n  ${look}`, 403)).toBe("not XML.");
  });

  it("makes one line of the text, not longer than 500 bytes", () => {
    expect(describeFailure(new Error(" a\n\n b ")).text).toBe("a b");
    expect(describeFailure(new Error("x".repeat(1_000))).text).toBe(`${"x".repeat(497)}…`);
    expect(describeFailure("text").text).toBe("text");
    expect(describeFailure(undefined).text).toBe("undefined");
  });
});
