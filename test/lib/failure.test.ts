import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { copyFailure, describeFailure, isNotConnected, isTransient } from "../../src/lib/failure.js";

const withCode = (code: string) => Object.assign(new Error(code), { code });
const named = (name: string) => Object.assign(new Error(name), { name });

describe("isTransient", () => {
  it.each([
    ["a refused connection", withCode("ECONNREFUSED")],
    ["one below a cause", new Error("fetch failed", { cause: withCode("ECONNRESET") })],
    ["one of several addresses", new AggregateError([withCode("EHOSTUNREACH"), withCode("ENETUNREACH")])],
    ["a name that does not resolve yet", withCode("EAI_AGAIN")],
    ["a time-out", named("TimeoutError")],
    ["a machine without file descriptors", withCode("EMFILE")],
    ["a machine without memory", withCode("ENOMEM")],
    ["a device that fails", withCode("EIO")],
    ["an answer that breaks off", withCode("ERR_STREAM_PREMATURE_CLOSE")],
    ["a broken TLS record", withCode("ERR_SSL_WRONG_VERSION_NUMBER")],
    ["an answer that is not HTTP", withCode("HPE_INVALID_CONSTANT")],
    ["a certificate that is not trusted", withCode("UNABLE_TO_VERIFY_LEAF_SIGNATURE")],
  ])("sees %s", (_, error) => {
    expect(isTransient(error)).toBe(true);
  });

  it.each([[undefined], ["ECONNREFUSED"], [new Error("x")], [withCode("ERR_INVALID_ARG_TYPE")]])(
    "is not misled by %s",
    (error) => {
      expect(isTransient(error)).toBe(false);
    },
  );

  it("ends on causes that go round in a circle", () => {
    const error = new Error("a");
    error.cause = error;
    expect(isTransient(error)).toBe(false);
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
    expect(ofSdk("Unknown")).toBe("Error");
    const look =
      "Deserialization error: to see the raw response, inspect the hidden field {error}.$response on this object.";
    expect(ofSdk(`not XML.\n  ${look}`, 403)).toBe("not XML.");
  });

  it("makes one line of the text, not longer than 180 characters", () => {
    expect(describeFailure(new Error(" a\n\n b ")).text).toBe("a b");
    expect(describeFailure(new Error("x".repeat(1_000))).text).toBe(`${"x".repeat(179)}…`);
    expect(describeFailure("text").text).toBe("text");
    expect(describeFailure(undefined).text).toBe("a failure without a message");
    expect(describeFailure(withCode("ECONNRESET")).text).toBe("ECONNRESET");
  });
});

describe("isNotConnected", () => {
  it("sees what cannot have reached the other side", () => {
    expect(
      ["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "ECONNRESET", "ETIMEDOUT"].map(withCode).map(isNotConnected),
    ).toEqual([true, true, true, false, false]);
  });
});

describe("copyFailure", () => {
  it("takes the first of several failures as the cause, and ends on a failure that caused itself", () => {
    const refused = Object.assign(new Error("connect"), { code: "ECONNREFUSED" });
    expect(copyFailure(new AggregateError([refused])).cause).toMatchObject({ code: "ECONNREFUSED" });
    const error = new Error("round");
    error.cause = error;
    expect(inspect(copyFailure(error)).split("\n").length).toBeLessThan(8);
  });
});
