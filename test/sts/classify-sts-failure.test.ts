import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { createError } from "../../src/errors/create-error.js";
import type { GkeWorkloadIdentityErrorCode } from "../../src/index.js";
import {
  toStsError as classifyStsFailure,
  isRetriedBySdk,
  reasonToFailOver as isUnreachable,
} from "../../src/sts/sts-failure.js";

const token = "a-token-that-is-not-a-jwt";
const classify = (error: unknown) => classifyStsFailure(error, { region: "us-east-1" }, token);

/** An error as the SDK makes it of STS's answer. */
const answered = (name: string, message: string, httpStatusCode?: number) =>
  Object.assign(new Error(message), { name, ...(httpStatusCode && { $metadata: { httpStatusCode } }) });

describe("a failure of STS", () => {
  it("is told as a refused request only when the configuration is wrong", () => {
    const said = "refused the request: no";
    expect(classify(answered("ValidationError", "no", 400)).message).toContain(said);
    expect(classify(answered("AccessDenied", "no", 403)).message).not.toContain(said);
  });

  it("is told with the region when it cannot be read at all", () => {
    const unreadable = new Proxy(new Error("x"), {
      get: () => {
        throw new Error("not to be read");
      },
      getPrototypeOf: () => {
        throw new Error("not to be read");
      },
    });
    expect(classify(unreadable)).toMatchObject({
      code: "STS_INVALID_RESPONSE",
      message: expect.stringMatching(/us-east-1.*the failure cannot be read\./),
    });
  });
});

describe("an answer of STS", () => {
  it.each<[name: string, message: string, status: number | undefined, code: GkeWorkloadIdentityErrorCode]>([
    ["AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity", 403, "STS_ACCESS_DENIED"],
    ["AccessDeniedException", "Not authorized", 403, "STS_ACCESS_DENIED"],
    ["SomethingNew", "no", 403, "STS_ACCESS_DENIED"],
    // Of an injected role assumer: no answer that the SDK got.
    ["Error", "denied", 403, "STS_ACCESS_DENIED"],
    ["SomethingNew", "no", 401, "STS_ACCESS_DENIED"],
    ["TimeoutError", "an answer that came late", 418, "STS_INVALID_RESPONSE"],
    ["ExpiredTokenException", "Token expired: current date/time 1", 400, "STS_EXPIRED_TOKEN"],
    ["InvalidIdentityTokenException", "Token too old: 1", 400, "STS_EXPIRED_TOKEN"],
    ["InvalidIdentityToken", "Token expired: current date/time 1 must be before", 400, "STS_EXPIRED_TOKEN"],
    ["InvalidIdentityTokenException", "Incorrect token audience", 400, "STS_INVALID_TOKEN"],
    ["InvalidIdentityToken", "No OpenIDConnect provider found in your account for x", 400, "STS_INVALID_TOKEN"],
    ["IDPRejectedClaimException", "rejected", 403, "STS_INVALID_TOKEN"],
    [
      "InvalidIdentityToken",
      "Couldn't retrieve verification key from your identity provider",
      400,
      "STS_IDP_UNREACHABLE",
    ],
    ["IDPCommunicationErrorException", "idp", 400, "STS_IDP_UNREACHABLE"],
    ["IDPCommunicationError", "idp", 400, "STS_IDP_UNREACHABLE"],
    ["MalformedPolicyDocumentException", "syntax", 400, "STS_POLICY_INVALID"],
    ["PackedPolicyTooLargeException", "large", 400, "STS_POLICY_INVALID"],
    ["RegionDisabledException", "off", 403, "STS_REGION_DISABLED"],
    ["Throttling", "Rate exceeded", 400, "STS_THROTTLED"],
    ["ThrottlingException", "Rate exceeded", 400, "STS_THROTTLED"],
    ["TooManyRequestsException", "Rate exceeded", 429, "STS_THROTTLED"],
    ["Unknown", "slow", 429, "STS_THROTTLED"],
    ["RequestLimitExceeded", "slow", 503, "STS_THROTTLED"],
    ["SlowDown", "slow", 503, "STS_THROTTLED"],
    ["ThrottledException", "slow", 400, "STS_THROTTLED"],
    ["AccessDenied", "Token expired is in this text", 403, "STS_ACCESS_DENIED"],
    ["AccessDenied", "Couldn't retrieve verification key is in this text", 403, "STS_ACCESS_DENIED"],
    [
      "ValidationError",
      "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
      400,
      "INVALID_CONFIGURATION",
    ],
    ["InternalFailure", "internal", 500, "STS_UNREACHABLE"],
    ["Unknown", "bad gateway", 502, "STS_UNREACHABLE"],
    ["Unknown", "teapot", 418, "STS_INVALID_RESPONSE"],
    ["SyntaxError", "not XML", 200, "STS_INVALID_RESPONSE"],
    ["Error", "Invalid response from STS.assumeRoleWithWebIdentity call", undefined, "STS_INVALID_RESPONSE"],
    ["TimeoutError", "no answer", undefined, "STS_UNREACHABLE"],
    ["AbortError", "aborted", undefined, "STS_UNREACHABLE"],
  ])("%s (%s, %s) is %s", (name, message, status, code) => {
    const cause = answered(name, message, status);
    const error = classify(cause);
    expect(error).toMatchObject({ code, cause: { name, text: message } });
    expect(error.message).toContain(message);
    expect(error.message.startsWith("STS refused the request: ")).toBe(code === "INVALID_CONFIGURATION");
  });

  it.each([
    [401, "STS_UNREACHABLE", "STS_ACCESS_DENIED"],
    [403, "STS_UNREACHABLE", "STS_ACCESS_DENIED"],
    [407, "STS_UNREACHABLE", "STS_UNREACHABLE"],
    [418, "STS_INVALID_RESPONSE", "STS_INVALID_RESPONSE"],
    [502, "STS_UNREACHABLE", "STS_UNREACHABLE"],
  ])("without a code and with status %s is %s, and with a request id %s", (httpStatusCode, foreign, own) => {
    const unnamed = (requestId?: string) =>
      classify(
        Object.assign(answered("Unknown", "UnknownError"), { $metadata: { httpStatusCode, requestId }, $response: {} }),
      );
    expect(unnamed()).toMatchObject({
      code: foreign,
      message: expect.stringContaining(
        `HTTP status ${httpStatusCode}, without an id of AWS: a proxy may have answered. How to fix`,
      ),
      cause: { status: httpStatusCode },
    });
    expect(unnamed("1f0e")).toMatchObject({
      code: own,
      message: expect.stringContaining(`HTTP status ${httpStatusCode}. How to fix`),
    });
  });

  describe("that another server gave to the SDK", () => {
    const foreign = (name: string, message: string, httpStatusCode?: number, reason = "") =>
      classify(Object.assign(answered(name, message), { $metadata: { httpStatusCode }, $response: { reason } }));

    it.each(["Unknown", "UnknownError", "Error", "RangeError", "SyntaxError"])("is no refusal, as %s", (name) => {
      const { code, message } = foreign(name, "no XML", 403);
      expect(code).toBe("STS_UNREACHABLE");
      expect(message).toContain("HTTP status 403, without an id of AWS: a proxy may have answered: no XML. How to fix");
    });

    it("is told by its status from 400 on, and below by its text alone", () => {
      expect(foreign("SyntaxError", "no XML", 400, "Bad Request").message).toContain("HTTP status 400 (Bad Request), ");
      for (const status of [200, 399, undefined])
        expect(foreign("SyntaxError", "no XML", status).message).toMatch(/: no XML\. How to fix/);
    });
  });

  it("shows no token that STS repeats in a refusal of the request", () => {
    const { code, message } = classify(answered("ValidationError", `bad value ${token}`, 400));
    expect(code).toBe("INVALID_CONFIGURATION");
    expect(message).toContain("STS refused the request: bad value ");
    expect(message).not.toContain(token);
  });

  it("is told with the words of its status line, which are data", () => {
    const error = Object.assign(answered("Unknown", "UnknownError", 502), {
      $response: { reason: `no\u001b[2J ${token}` },
    });
    expect(classify(error).message).toContain("HTTP status 502 (no\\u001b[2J ");
    expect(classify(error).message).not.toContain(token);
  });

  it("that never came is STS_UNREACHABLE", () => {
    const tunnel = Object.assign(new Error("HTTP/1.1 502 Bad Gateway"), { code: "ERR_PROXY_TUNNEL" });
    expect(classify(tunnel).code).toBe("STS_UNREACHABLE");
    expect(classify(Object.assign(new Error("connect"), { code: "ECONNREFUSED" })).code).toBe("STS_UNREACHABLE");
    expect(classify(new AggregateError([Object.assign(new Error("x"), { code: "ENOTFOUND" })])).code).toBe(
      "STS_UNREACHABLE",
    );
  });

  it("is left as it is when it is classified already", () => {
    const error = createError("STS_THROTTLED");
    expect(classify(error)).toBe(error);
  });

  it("may be thrown as anything", () => {
    for (const thrown of [undefined, null, "text", 1, {}]) expect(classify(thrown).code).toBe("STS_INVALID_RESPONSE");
  });

  it("shows neither the token nor a body that could not be read", () => {
    const unreadable = answered("SyntaxError", `cannot read ${token}`, 200);
    Object.defineProperty(unreadable, "$responseBodyText", { value: "<SecretAccessKey>sEcReT</SecretAccessKey>" });
    for (const cause of [unreadable, answered("AccessDenied", `no: ${token}`, 403)]) {
      const error = classify(cause);
      expect(inspect(error, { depth: 10, showHidden: true })).not.toMatch(/a-token-that|sEcReT/);
      expect(error.cause).toMatchObject({ name: cause.name });
    }
  });
});

describe("a duration that is above the role's maximum", () => {
  const roleArn = "arn:aws:iam::123456789012:role/reader";
  const hintFor = (message: string) =>
    classifyStsFailure(answered("ValidationError", message, 400), { roleArn, durationSeconds: 7_200 }, token).hint;

  it("comes with the command that raises it, and another wrong parameter does not", () => {
    expect(hintFor("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")).toContain(
      "aws iam update-role --role-name reader --max-session-duration 7200",
    );
    expect(hintFor("Request ARN is invalid")).not.toContain("update-role");
  });
});

describe("what happens next", () => {
  it("another region is tried only where this one did not answer", () => {
    expect(isUnreachable(classify(answered("Unknown", "down", 503)))).toBe(true);
    expect(isUnreachable(classify(answered("AccessDenied", "no", 403)))).toBe(false);
    expect(isUnreachable(classify(answered("Throttling", "slow", 400)))).toBe(false);
    expect(isUnreachable(new Error("x"))).toBe(false);
  });

  it("the SDK has tried again all but a token that it takes for bad", () => {
    expect(isRetriedBySdk(classify(answered("Unknown", "down", 503)))).toBe(true);
    expect(isRetriedBySdk(classify(answered("InvalidIdentityToken", "Couldn't retrieve verification key", 400)))).toBe(
      false,
    );
    const named = answered("InvalidIdentityTokenException", "Couldn't retrieve verification key", 400);
    expect(isRetriedBySdk(classify(named))).toBe(false);
    expect(isRetriedBySdk(new Error("x"))).toBe(true);
  });
});
