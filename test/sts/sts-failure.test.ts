import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { createError } from "../../src/errors/create-error.js";
import type { GkeWorkloadIdentityErrorCode } from "../../src/index.js";
import { isOfCallingClient, type StsCallDetails, toStsError } from "../../src/sts/sts-failure.js";

const token = "a-token-that-is-not-a-jwt";
const roleArn = "arn:aws:iam::123456789012:role/reader";
const toError = (error: unknown, details: Partial<StsCallDetails> = {}) =>
  toStsError(error, { region: "us-east-1", token, ...details });

/** An error as the SDK makes it of an answer. */
const answered = (name: string, message: string, httpStatusCode?: number, more: object = {}) =>
  Object.assign(new Error(message), { name, ...(httpStatusCode && { $metadata: { httpStatusCode } }), ...more });
const withCode = (code: string) => Object.assign(new Error("failed"), { code });

describe("toStsError", () => {
  it.each<[name: string, message: string, status: number | undefined, code: GkeWorkloadIdentityErrorCode]>([
    ["AccessDeniedException", "Token expired is in this text", 403, "STS_ACCESS_DENIED"],
    ["SomethingNew", "no", 403, "STS_ACCESS_DENIED"],
    // Of an injected role assumer: no answer that the SDK got.
    ["Error", "denied", 403, "STS_ACCESS_DENIED"],
    ["SomethingNew", "no", 401, "STS_ACCESS_DENIED"],
    ["ExpiredTokenException", "Token expired: current date/time 1", 400, "STS_EXPIRED_TOKEN"],
    ["InvalidIdentityTokenException", "Token too old: 1", 400, "STS_EXPIRED_TOKEN"],
    ["InvalidIdentityToken", "Token expired: current date/time 1 must be before", 400, "STS_EXPIRED_TOKEN"],
    ["InvalidIdentityToken", "No OpenIDConnect provider found in your account for x", 400, "STS_INVALID_TOKEN"],
    ["IDPRejectedClaimException", "rejected", 403, "STS_INVALID_TOKEN"],
    ["IDPCommunicationErrorException", "idp", 400, "STS_IDP_UNREACHABLE"],
    ["ThrottledException", "slow", 400, "STS_THROTTLED"],
    ["TooManyRequestsException", "Rate exceeded", 429, "STS_THROTTLED"],
    ["Unknown", "slow", 429, "STS_THROTTLED"],
    ["RequestLimitExceeded", "slow", 503, "STS_THROTTLED"],
    ["SlowDown", "slow", 503, "STS_THROTTLED"],
    ["ValidationError", "The requested DurationSeconds exceeds it", 400, "INVALID_CONFIGURATION"],
    ["Unknown", "bad gateway", 502, "STS_UNREACHABLE"],
    ["Unknown", "teapot", 418, "STS_INVALID_RESPONSE"],
    ["TimeoutError", "an answer that came late", 418, "STS_INVALID_RESPONSE"],
    ["SyntaxError", "not XML", 200, "STS_INVALID_RESPONSE"],
    ["TimeoutError", "no answer", undefined, "STS_UNREACHABLE"],
    ["AbortError", "aborted", undefined, "STS_UNREACHABLE"],
  ])("keeps the text and the cause of %s (%s, %s): %s", (name, message, status, code) => {
    const error = toError(answered(name, message, status));
    expect(error).toMatchObject({ code, cause: { name, message } });
    expect(error.message).toContain(message);
    expect(error.message.startsWith("STS refused the request: ")).toBe(code === "INVALID_CONFIGURATION");
  });

  it.each(["ECONNREFUSED", "ENOTFOUND", "EMFILE", "HPE_INVALID_METHOD"])(
    "says STS_UNREACHABLE, which is retryable, for %s, also deep inside",
    (code) => {
      for (const error of [
        withCode(code),
        new AggregateError([withCode(code)]),
        new Error("x", { cause: withCode(code) }),
      ])
        expect(toError(error)).toMatchObject({ code: "STS_UNREACHABLE", retryable: true });
    },
  );

  it.each([undefined, null, "text", 1, {}, Symbol("s"), Object.create(null)])(
    "takes %s, whatever is thrown",
    (thrown) => {
      expect(toError(thrown).code).toBe("STS_INVALID_RESPONSE");
    },
  );

  it("leaves an error of this package as it is", () => {
    const error = createError("STS_THROTTLED");
    expect(toError(error)).toBe(error);
  });

  it.each([
    [401, "STS_UNREACHABLE", "STS_ACCESS_DENIED"],
    [403, "STS_UNREACHABLE", "STS_ACCESS_DENIED"],
    [407, "STS_UNREACHABLE", "STS_UNREACHABLE"],
    [418, "STS_INVALID_RESPONSE", "STS_INVALID_RESPONSE"],
  ])("tells a proxy from STS by the id when an answer with %s has no code: %s, %s", (httpStatusCode, foreign, own) => {
    const unnamed = (requestId?: string) =>
      toError(
        answered("Unknown", "UnknownError", undefined, { $metadata: { httpStatusCode, requestId }, $response: {} }),
      );
    expect(unnamed().code).toBe(foreign);
    expect(unnamed().message).toContain(
      `HTTP status ${httpStatusCode}, without an id of AWS: a proxy may have answered [`,
    );
    expect(unnamed("1f0e").code).toBe(own);
    expect(unnamed("1f0e").message).toContain(`HTTP status ${httpStatusCode} [`);
  });

  it("shows the words of a status line, and they are data", () => {
    const $response = { reason: `no\u001b[2J ${token}` };
    const { message } = toError(answered("Unknown", "UnknownError", 502, { $response }));
    expect(message).toContain("HTTP status 502 (no\\u001b[2J ");
    expect(message).not.toContain(token);
    const { message: of200 } = toError(answered("SyntaxError", "no XML", 200, { $response }));
    expect(of200).toMatch(/: no XML \[/);
  });

  it("shows neither the token nor a body that could not be read", () => {
    const unreadable = answered("SyntaxError", `cannot read ${token}`, 200);
    Object.defineProperty(unreadable, "$responseBodyText", { value: "<SecretAccessKey>sEcReT</SecretAccessKey>" });
    for (const cause of [
      unreadable,
      answered("AccessDenied", `no: ${token}`, 403),
      answered("ValidationError", token, 400),
    ])
      expect(inspect(toError(cause), { depth: 10, showHidden: true })).not.toMatch(/a-token-that|sEcReT/);
  });

  it("says INVALID_CONFIGURATION and names the endpoint's setting when no request was sent", () => {
    const said = (error: unknown, hostSetBy?: string) => toError(error, { wasSent: false, hostSetBy });
    const invalid = new TypeError("Invalid URL");
    expect(said(invalid).message).toBe("STS was not called, a setting is wrong: Invalid URL [INVALID_CONFIGURATION]");
    expect(said(invalid, "AWS_ENDPOINT_URL").message).toContain("wrong (AWS_ENDPOINT_URL is set): Invalid URL");
    // Such as the packages that are loaded for too long.
    const late = said(answered("TimeoutError", "no answer"), "AWS_ENDPOINT_URL");
    expect([late.code, late.hint]).toEqual(["STS_UNREACHABLE", expect.not.stringContaining("AWS_ENDPOINT_URL makes")]);
  });

  it("shows the command for a longer session only when the duration is too long", () => {
    const hintFor = (message: string) =>
      toError(answered("ValidationError", message, 400), { roleArn, durationSeconds: 7_200 }).hint;
    expect(hintFor("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")).toContain(
      "aws iam update-role --role-name reader --max-session-duration 7200",
    );
    expect(hintFor("Request ARN is invalid")).not.toContain("update-role");
  });
});

it("isOfCallingClient says yes only when the client's connection or a setting may be the cause", () => {
  const ofClient = [toError(answered("Unknown", "down", 503)), createError("INVALID_CONFIGURATION")];
  expect(ofClient.map(isOfCallingClient)).toEqual([true, true]);
  const ofNone = [toError(answered("AccessDenied", "no", 403)), createError("METADATA_TIMEOUT"), new Error("x")];
  expect(ofNone.map(isOfCallingClient)).toEqual([false, false, false]);
});
