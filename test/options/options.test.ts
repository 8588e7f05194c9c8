import { describe, expect, it } from "vitest";
import { fromGkeWorkloadIdentity, GkeWorkloadIdentityError } from "../../src/index.js";
import { resolveOptions } from "../../src/options/option-rules.js";

const thrownBy = (work: () => unknown): unknown => {
  try {
    work();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
};

const messageFor = (init: object): string => (thrownBy(() => fromGkeWorkloadIdentity(init)) as Error).message;

const notFunctions = ["text", {}, 1, null];

describe("options that exclude each other", () => {
  it("refuses stsRegions together with clientConfig.region, and names both", () => {
    const stsRegions = ["us-east-1"];
    const error = thrownBy(() => fromGkeWorkloadIdentity({ stsRegions, clientConfig: { region: "us-east-1" } }));
    expect(error).toMatchObject({
      code: "INVALID_CONFIGURATION",
      message: expect.stringMatching(/stsRegions.*clientConfig\.region/),
    });
    expect(() => fromGkeWorkloadIdentity({ stsRegions, clientConfig: {} })).not.toThrow();
    expect(() => fromGkeWorkloadIdentity({ stsRegions, clientConfig: { region: undefined } as never })).not.toThrow();
  });
});

describe("a wrong option", () => {
  it.each<[option: string, values: readonly unknown[], rule: string]>([
    [
      "roleArn",
      [
        "",
        "reader",
        "arn:aws:iam::123456789012:user/reader",
        "arn:aws:iam::12345678901:role/reader",
        "arn:aws:iam::1234567890123:role/reader",
        "arn:aws:sts::123456789012:assumed-role/reader/session",
        "arn:aws:iam::123456789012:role/",
        "arn:aws:iam::123456789012:role/has space",
        "arn:aws:iam::123456789012:role/reader ",
        "arn:aws:iam::123456789012:role/reader\n",
        `arn:aws:iam::123456789012:role/${"n".repeat(65)}`,
        "arn:azure:iam::123456789012:role/reader",
        123,
        null,
      ],
      "ARN of an IAM role",
    ],
    ["roleSessionName", ["", "x", "a".repeat(65), "has space", "pod:1", "pod/1", "é".repeat(3), 12, null], "2 to 64"],
    ["audience", ["", "   ", 1, null, ["a"]], "not empty"],
    [
      "durationSeconds",
      [899, 43_201, 0, -1, 900.5, Number.NaN, Number.POSITIVE_INFINITY, "3600", null],
      "900 to 43200",
    ],
    ["policy", ["", "not json", "[]", '"text"', `{"a":"${"x".repeat(2048)}"}`, {}, null], "2048 characters"],
    [
      "policyArns",
      [
        [],
        ["arn:aws:iam::aws:policy/A"],
        [{}],
        [{ arn: "x" }],
        Array(11).fill({ arn: "arn:aws:iam::aws:policy/A" }),
        {},
        "x",
        null,
      ],
      "1 to 10",
    ],
    ["serviceAccountEmail", ["", "me", "a b@c", "a@b/../token", "a@b?x=1", "a@b#", "%2e@b", 1, null], "email"],
    ["idTokenProvider", ["text", {}, { fetchIdToken: "x" }, null, 1], "fetchIdToken"],
    ["clientConfig", ["us-east-1", [], null, 1], "STSClientConfig"],
    ["clientPlugins", [{}, [{}], "x", null, [null]], "applyToStack"],
    ["roleAssumerWithWebIdentity", notFunctions, "a function"],
    ["logger", [{}, { info: () => {} }, "console", null, true], "debug, info, warn and error"],
    ["stsRegions", [[], "us-east-1", [""], ["us-east-1", "us-east-1"], ["us east 1"], [1], null], "regions"],
    [
      "refreshAheadSeconds",
      [0, -1, 1, 60, 119, 120.5, Number.NaN, Number.POSITIVE_INFINITY, "300", null, 43_201],
      "120 to 43200",
    ],
    ["keepFresh", ["true", 1, 0, null, {}], "a boolean"],
    ["timeoutMs", [0, -1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, "30000", null, 2 ** 31], "milliseconds"],
    ["onEvent", notFunctions, "a function"],
    ["fallback", notFunctions, "a function"],
  ])("%s is refused at construction by its name, its type and what is allowed", (option, values, rule) => {
    for (const value of values) {
      const error = thrownBy(() => fromGkeWorkloadIdentity({ [option]: value }));
      expect(error, `${option}: ${String(value)}`).toBeInstanceOf(GkeWorkloadIdentityError);
      const { code, message, tryNextLink } = error as GkeWorkloadIdentityError;
      expect([code, tryNextLink]).toEqual(["INVALID_CONFIGURATION", false]);
      expect(message).toMatch(new RegExp(`^${option} must be `));
      expect(message).toContain(rule);
    }
  });

  it("is refused when the options are not an object", () => {
    for (const init of [null, "role", 1, []]) {
      expect(thrownBy(() => fromGkeWorkloadIdentity(init as never))).toMatchObject({ code: "INVALID_CONFIGURATION" });
    }
  });

  it("never shows a token that was given in the wrong place", () => {
    const token = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl";
    expect(messageFor({ roleArn: token })).toMatch(/^roleArn must be .*, got a string \[INVALID_CONFIGURATION\]$/);
  });

  it.each([
    [{ durationSeconds: 60 }, "got 60"],
    [{ durationSeconds: "3600" }, 'got "3600"'],
    [{ stsRegions: "us-east-1" }, 'got "us-east-1"'],
    [{ roleArn: "arn:aws:iam::123456789012:user/reader" }, 'got "arn:aws:iam::123456789012:user/reader"'],
    [{ keepFresh: "yes" }, "keepFresh must be a boolean, got a string"],
    [{ roleSessionName: '"orders"' }, 'got a string that starts with a quote (")'],
    [{ roleSessionName: "orders " }, "got a string that ends with a blank"],
    [{ clientConfig: [] }, "got an empty array"],
    [{ onEvent: {} }, "got an object"],
  ])("says of %j what is wrong, in JavaScript's words", (init, said) => {
    expect(messageFor(init)).toContain(said);
  });
});

describe("an unknown option", () => {
  it.each([
    [{ policyARNs: [] }, 'Unknown option "policyARNs". Did you mean "policyArns"? [INVALID_CONFIGURATION]'],
    [{ Policy: "{}" }, 'Unknown option "Policy". Did you mean "policy"? [INVALID_CONFIGURATION]'],
    [{ rolearn: undefined }, 'Unknown option "rolearn". Did you mean "roleArn"? [INVALID_CONFIGURATION]'],
    [{ cache: true }, 'Unknown option "cache". Known are roleArn, roleSessionName, '],
  ])("is refused with the nearest name: %j", (init, message) => {
    expect(messageFor(init)).toContain(message);
  });
});

describe("a right option", () => {
  it.each<[option: string, values: readonly unknown[]]>([
    [
      "roleArn",
      [
        "arn:aws:iam::123456789012:role/reader",
        "arn:aws:iam::123456789012:role/team/data/reader+=,.@-_",
        "arn:aws-us-gov:iam::123456789012:role/reader",
        "arn:aws-cn:iam::123456789012:role/reader",
        "arn:aws-iso-b:iam::123456789012:role/reader",
        "arn:aws:iam:::role/x",
        "arn:minio:iam:::role/idmp-x",
      ],
    ],
    ["roleSessionName", ["ab", "a".repeat(64), "Orders_1+=,.@-"]],
    ["audience", ["gcp", "https://api.example.com/v1?team=a&env=b+c"]],
    ["durationSeconds", [900, 43_200]],
    ["policy", ['{"Version":"2012-10-17","Statement":[]}']],
    [
      "policyArns",
      [[{ arn: "arn:aws:iam::aws:policy/ReadOnlyAccess" }, { arn: "arn:aws:iam::123456789012:policy/team/p" }]],
    ],
    ["serviceAccountEmail", ["default", "reader@example-project.iam.gserviceaccount.com"]],
    ["clientPlugins", [[], [{ applyToStack: () => {} }]]],
    ["logger", [console]],
    ["stsRegions", [["us-east-1"], ["eu-west-1", "eu-central-1"]]],
    ["refreshAheadSeconds", [120, 43_200]],
    ["keepFresh", [true, false]],
    ["timeoutMs", [1, 3_600_000]],
  ])("%s is taken", (option, values) => {
    for (const value of values) expect(fromGkeWorkloadIdentity({ [option]: value })).toBeTypeOf("function");
  });

  it("may be undefined, which means the default", () => {
    expect(resolveOptions({ audience: undefined, timeoutMs: undefined, serviceAccountEmail: undefined })).toMatchObject(
      {
        audience: "sts.amazonaws.com",
        timeoutMs: 30_000,
        serviceAccountEmail: "default",
      },
    );
  });
});
