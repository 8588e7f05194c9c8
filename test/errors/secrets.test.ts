import { createRequire } from "node:module";
import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { createError } from "../../src/errors/create-error.js";
import { fromGkeWorkloadIdentity, GkeWorkloadIdentityError } from "../../src/index.js";
import { OPTION_NAMES } from "../../src/options/option-rules.js";

const ACCESS_TOKEN = `ya29.c.${"aB3_-".repeat(20)}`;
const KEY = "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY01";
const PEM = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0\n-----END PRIVATE KEY-----\n";
const JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl";
const SECRET = /ya29\.c|wJalrXUt|MIIEvQ|eyJhbGci|c2lnbmF0/;
const SECRETS: readonly unknown[] = [
  ACCESS_TOKEN,
  JWT,
  KEY,
  JSON.stringify({ type: "service_account", private_key: PEM, private_key_id: KEY }),
  { type: "service_account", private_key: PEM },
  { accessKeyId: "AKIA", secretAccessKey: KEY, sessionToken: KEY },
  [ACCESS_TOKEN],
  new Map([["token", ACCESS_TOKEN]]),
  { [ACCESS_TOKEN]: true },
  Buffer.from(KEY),
];

const shown = (error: unknown): string =>
  [
    String(error),
    inspect(error, { depth: 20, showHidden: true, maxStringLength: null }),
    JSON.stringify(error),
    inspect(structuredClone(error), { depth: 20, showHidden: true }),
    (error as Error).stack,
    (error as GkeWorkloadIdentityError).hint,
  ].join("\n");

describe("a secret in the wrong place", () => {
  it.each(OPTION_NAMES)("is not shown when it is given as the option %s", (name) => {
    for (const value of SECRETS) {
      try {
        fromGkeWorkloadIdentity({ [name]: value });
      } catch (error) {
        expect(error).toBeInstanceOf(GkeWorkloadIdentityError);
        expect(shown(error)).not.toMatch(SECRET);
      }
    }
  });

  it("is not shown when it is in the details or the cause of an error", () => {
    const text = `sent ${JWT}, ${ACCESS_TOKEN} and secretAccessKey=${KEY}`;
    const causes = [
      text,
      new Error(text, { cause: text }),
      { config: SECRETS, message: text },
      new AggregateError([text]),
    ];
    for (const cause of causes) {
      const details = { reason: text, audience: ACCESS_TOKEN, roleArn: JWT, claims: { azp: JWT, sub: ACCESS_TOKEN } };
      expect(shown(createError("STS_ACCESS_DENIED", details, { cause }))).not.toMatch(SECRET);
    }
  });
});

const text = "Not authorized to perform sts:AssumeRoleWithWebIdentity";
const foreign = Object.assign(new Error(text), {
  name: "AccessDenied",
  $metadata: { httpStatusCode: 403 },
  $response: { headers: { authorization: KEY }, body: JWT },
});
const error = createError(
  "STS_ACCESS_DENIED",
  { reason: text, roleArn: "arn:aws:iam::123456789012:role/reader" },
  { cause: foreign },
);
const load = createRequire(import.meta.url);

describe("an error in a log", () => {
  it("takes less than 30 lines of the console", () => {
    expect(inspect(error).split("\n").length).toBeLessThan(30);
  });

  it("says each sentence at most twice in pino's output: in the message and in the stack", () => {
    const lines: string[] = [];
    load("pino")({}, { write: (line: string) => lines.push(line) }).error({ err: error }, "request failed");
    const { err } = JSON.parse(lines.join(""));
    expect(err).toMatchObject({ type: "GkeWorkloadIdentityError", code: "STS_ACCESS_DENIED", hint: error.hint });
    expect(lines.join("").split(text)).toHaveLength(3);
    expect(lines.join("")).not.toMatch(SECRET);
  });

  it("shows message, code and hint in winston's JSON, and no secret", () => {
    const { createLogger, format, transports } = load("winston");
    const { Writable } = load("node:stream");
    let written = "";
    const stream = new Writable({
      write: (chunk: unknown, _: unknown, done: () => void) => {
        written += String(chunk);
        done();
      },
    });
    createLogger({
      format: format.combine(format.errors(), format.json()),
      transports: [new transports.Stream({ stream })],
    }).error(error);
    expect(JSON.parse(written)).toMatchObject({ message: error.message, code: error.code, hint: error.hint });
    expect(written).not.toMatch(SECRET);
  });
});
