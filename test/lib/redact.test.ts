import { inspect } from "node:util";
import { describe, expect, it, vi } from "vitest";
import { copyFailure as redactError } from "../../src/lib/failure.js";
import { redactText } from "../../src/lib/text.js";
import { redactingLogger } from "../../src/sts/sts-client.js";

const token = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl";

const accessToken = `ya29.c.${"aB3_-".repeat(20)}`;
const key = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkq\n-----END PRIVATE KEY-----";
const sessionToken = `IQoJb3JpZ2luX2Vj${"aB3/+".repeat(20)}=`;

describe("redactText", () => {
  it("takes JWTs and the given secrets out", () => {
    expect(redactText(`sent ${token}&key=s3cret`, ["s3cret", ""])).toBe("sent [redacted]&key=[redacted]");
  });

  it.each([
    ["a JWT", token],
    ["the beginning of a JWT", token.slice(0, 30)],
    ["a JWT without its signature", token.slice(0, token.lastIndexOf(".") + 1)],
    ["an access token of Google", accessToken],
    ["the beginning of an access token", accessToken.slice(0, 12)],
    ["a refresh token of Google", "1//0gdB3fXcCgYIARAAGBASNwF-L9Ir"],
    ["a session token of AWS", sessionToken],
    ["a private key", key],
    ["the beginning of a private key", key.slice(0, 40)],
  ])("takes %s out by its form", (_, secret) => {
    const shown = redactText(`before ${secret} after`);
    expect(shown).toMatch(/^before \[redacted\]/);
    expect(shown).not.toContain(secret.slice(4, 14));
  });

  it.each([
    "secretAccessKey=wJalrXUtnFEMI",
    '"SecretAccessKey": "wJalrXUtnFEMI"',
    "secret_access_key: 'wJalrXUtnFEMI'",
    "<SecretAccessKey>wJalrXUtnFEMI</SecretAccessKey>",
    "AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI",
    "x-amz-security-token: wJalrXUtnFEMI",
    '{"Token":"wJalrXUtnFEMI"}',
    JSON.stringify('{"Token":"wJalrXUtnFEMI"}'),
    JSON.stringify(JSON.stringify(['{"SessionToken":"wJalrXUtnFEMI"}'])),
    "?id_token=wJalrXUtnFEMI&a=b",
    "client_secret=wJalrXUtnFEMI",
    "Authorization: Bearer wJalrXUtnFEMI1",
  ])("takes the value of a secret field out: %s", (text) => {
    expect(redactText(text)).not.toContain("wJalrXUtnFEMI");
    expect(redactText(text)).toContain("[redacted]");
  });

  it.each([
    "Could not fetch ID token: Permission 'iam.serviceAccounts.getAccessToken' denied",
    "Token expired: current date/time 1792000000 must be before the expiration date/time1",
    "InvalidIdentityToken: Incorrect token audience",
    "1 validation error detected: Value at 'webIdentityToken' failed to satisfy constraint",
    "the Authorization header must be AWS_CONTAINER_AUTHORIZATION_TOKEN",
  ])("leaves prose as it is: %s", (text) => {
    expect(redactText(text)).toBe(text);
  });

  it("takes out every long part of a given secret, plain and percent-encoded", () => {
    const secret = "abcd+efgh/ijkl=mnop+qrst/uvwx=yz0123456789";
    for (const part of [secret.slice(0, 20), secret.slice(7, 30), secret.slice(20)])
      expect(redactText(`<${part}>`, [secret])).toBe("<[redacted]>");
    expect(redactText(encodeURIComponent(secret), [secret])).toBe("[redacted]");
  });

  it("ends quickly on a text of megabytes", () => {
    const start = performance.now();
    expect(redactText("eyJ".repeat(2_000_000), ["x".repeat(20_000)]).length).toBeLessThan(20_001);
    redactText('token"'.repeat(1_000_000));
    expect(performance.now() - start).toBeLessThan(5_000);
  });
});

describe("redactError", () => {
  it("copies name, code, status and text of a failure and of its causes, without secrets, and nothing else", () => {
    const inner = Object.assign(new Error(`inner ${token}`), { response: { data: token, status: 403 } });
    const error = Object.assign(new TypeError(`outer ${token}`, { cause: inner }), { code: "E", config: { token } });
    const copy = redactError(error);
    expect(inspect(copy, { depth: 10, showHidden: true })).not.toMatch(/eyJ|config|response/);
    expect(copy).toMatchObject({ name: "TypeError", code: "E", message: "outer [redacted]" });
    expect(copy.cause).toMatchObject({ message: "inner [redacted]", status: 403 });
    expect(error.message).toContain(token);
  });

  it("takes the first of several failures as the cause, and ends on a failure that caused itself", () => {
    const refused = Object.assign(new Error("connect"), { code: "ECONNREFUSED" });
    expect(redactError(new AggregateError([refused])).cause).toMatchObject({ code: "ECONNREFUSED" });
    const error = new Error("round");
    error.cause = error;
    expect(inspect(redactError(error)).split("\n").length).toBeLessThan(8);
  });

  it("copies whatever was thrown", () => {
    const throwing = new Proxy(new Error("x"), {
      get: () => {
        throw new Error("trap");
      },
    });
    const things = [
      `text ${token}`,
      undefined,
      null,
      1,
      Symbol("s"),
      {},
      Object.create(null),
      Object.freeze({}),
      throwing,
    ];
    for (const thing of things) {
      expect(redactError(thing)).toBeInstanceOf(Error);
      expect(inspect(redactError(thing))).not.toContain("eyJ");
    }
  });
});

describe("redactingLogger", () => {
  it("hides the secret fields of what the SDK logs, at any depth", () => {
    const info = vi.fn();
    const logger = redactingLogger({ debug: vi.fn(), info, warn: vi.fn(), error: vi.fn() });
    const date = new Date();
    logger.info(
      { output: { Credentials: { SessionToken: "st", SecretAccessKey: "sk", AccessKeyId: "ASIA", Expiration: date } } },
      [token, 1, null],
      new Error(token),
      { a: { b: { c: { d: { e: { f: { g: { h: { i: "deep" } } } } } } } } },
    );
    expect(info).toHaveBeenCalledExactlyOnceWith(
      {
        output: {
          Credentials: {
            SessionToken: "[redacted]",
            SecretAccessKey: "[redacted]",
            AccessKeyId: "ASIA",
            Expiration: date,
          },
        },
      },
      ["[redacted]", 1, null],
      "Error: [redacted]",
      { a: { b: { c: { d: { e: { f: { g: { h: "[redacted]" } } } } } } } },
    );
  });

  it("hides secrets in maps, sets, URLs, headers, bytes and by the names of fields in any spelling", () => {
    const info = vi.fn();
    const logger = redactingLogger({ debug: vi.fn(), info, warn: vi.fn(), error: vi.fn() });
    const secret = "wJalrXUtnFEMI";
    logger.info(
      new Map([["secretAccessKey", secret]]),
      new Set([token]),
      new URL(`https://sts.amazonaws.com/?token=${secret}`),
      new Headers({ "x-amz-security-token": secret, authorization: secret }),
      { sessionToken: secret, session_token: secret, "Set-Cookie": secret, private_key: secret },
      Buffer.from(token),
      { [token]: 1 },
      () => secret,
      Object.defineProperty({}, "trap", {
        enumerable: true,
        get: () => {
          throw new Error(token);
        },
      }),
    );
    expect(inspect(info.mock.calls, { depth: 9, showHidden: true })).not.toMatch(/wJalr|eyJ/);
  });

  it("passes every level on, where the logger has it", () => {
    const calls: string[] = [];
    const level = (name: string) => () => calls.push(name);
    const logger = redactingLogger({
      debug: level("debug"),
      info: level("info"),
      warn: level("warn"),
      error: level("error"),
    });
    logger.trace?.("x");
    logger.debug("x");
    logger.warn("x");
    logger.error("x");
    expect(calls).toEqual(["debug", "warn", "error"]);
  });
});
