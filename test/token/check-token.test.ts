import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { checkToken, judgeToken } from "../../src/token/check-token.js";

const AUDIENCE = "sts.amazonaws.com";
const NOW = Date.UTC(2026, 10, 24, 12);
const EXP = NOW / 1_000 + 3_600;

const part = (json: string): string => Buffer.from(json).toString("base64url");
/** A JWT whose claims are this JSON text. */
const jwt = (claims: string): string => `${part('{"alg":"RS256"}')}.${part(claims)}.c2lnbmF0dXJl`;
const withClaims = (claims: object): string => jwt(JSON.stringify({ aud: AUDIENCE, exp: EXP, sub: "1", ...claims }));

const refused = (message: string | RegExp) =>
  expect.objectContaining({ code: "INVALID_ID_TOKEN", message: expect.stringMatching(message) });

beforeEach(() => vi.useFakeTimers({ toFake: ["Date"], now: NOW }));
afterEach(() => vi.useRealTimers());

describe("judgeToken", () => {
  it.each([
    ["nothing", undefined, "malformed"],
    ["no JWT", "x", "malformed"],
    ["a wrong claim", withClaims({ sub: 1 }), "malformed"],
    ["a token of 20,001 characters", "x".repeat(20_001), "malformed"],
    ["an old token", withClaims({ exp: EXP - 7_200 }), "expired"],
    ["another audience", withClaims({ aud: "x" }), "audience"],
  ])("says of %s what kind of problem it is", (_, answer, kind) => {
    expect(judgeToken(answer, AUDIENCE)).toMatchObject({ kind });
  });

  it("accepts a token of as many characters as STS does", () => {
    const longAs = (characters: number) => withClaims({ iss: "x".repeat(characters) });
    const base = longAs(0).length;
    const token = [...Array(8).keys()]
      .map((more) => longAs(Math.floor(((20_000 - base) * 3) / 4) - 4 + more))
      .find(({ length }) => length === 20_000);
    expect(judgeToken(token, AUDIENCE)).toMatchObject({ token });
  });
});

describe("checkToken", () => {
  it("gives the token and its claims when STS can accept it", () => {
    const token = withClaims({ iss: "https://accounts.google.com", azp: "1", email: "a@example.com" });
    expect(checkToken(token, AUDIENCE)).toEqual({
      token,
      claims: {
        iss: "https://accounts.google.com",
        azp: "1",
        sub: "1",
        email: "a@example.com",
        aud: AUDIENCE,
        exp: EXP,
      },
    });
  });

  it("removes blanks and newlines around the token", () => {
    const token = withClaims({});
    expect(checkToken(` ${token}\r\n`, AUDIENCE).token).toBe(token);
  });

  it("accepts a list of audiences that holds the right one", () => {
    expect(checkToken(withClaims({ aud: ["x", AUDIENCE] }), AUDIENCE).claims.aud).toEqual(["x", AUDIENCE]);
  });

  it.each([undefined, null, 1, {}, [], Symbol("x"), "", "not-a-jwt", "<html>.</html>.x"])(
    "refuses an answer that is not a JWT: %s",
    (answer) => {
      expect(() => checkToken(answer, AUDIENCE)).toThrow(refused("it is not a JWT"));
    },
  );

  it("refuses a token that is longer than STS allows", () => {
    expect(() => checkToken(withClaims({ x: "y".repeat(15_000) }), AUDIENCE)).toThrow(
      refused(/STS accepts at most 20000/),
    );
  });

  it.each([
    "null",
    '"1795521600"',
    "true",
    "{}",
    "[1]",
    '{"valueOf":1}',
    "1e999",
    "-1e999",
    "1e300",
    "-1e300",
    "8.64e12",
  ])("refuses a token when its exp is %s", (exp) => {
    const token = jwt(`{"aud":"${AUDIENCE}","exp":${exp}}`);
    expect(() => checkToken(token, AUDIENCE)).toThrow(refused("its exp claim is not a time in seconds"));
  });

  it.each(["null", "1", "true", "{}", "[1]", '["x",null]', '[["sts.amazonaws.com"]]', '{"toString":1}'])(
    "refuses a token when its aud is %s",
    (aud) => {
      const token = jwt(`{"aud":${aud},"exp":${EXP}}`);
      expect(() => checkToken(token, AUDIENCE)).toThrow(refused("its aud claim is not text or a list of texts"));
    },
  );

  it.each(["iss", "azp", "sub", "email"])("refuses a token when its %s is not text", (name) => {
    for (const value of [null, 1, true, {}, ["x"], { toString: 1, endsWith: 1 }]) {
      expect(() => checkToken(withClaims({ [name]: value }), AUDIENCE)).toThrow(
        refused(`its ${name} claim is not text`),
      );
    }
  });

  it("refuses a token when it has no exp or no aud", () => {
    expect(() => checkToken(withClaims({ exp: undefined }), AUDIENCE)).toThrow(refused("it has no exp claim"));
    expect(() => checkToken(withClaims({ aud: undefined }), AUDIENCE)).toThrow(refused("it has no aud claim"));
  });

  it("refuses a token when it is for another audience", () => {
    expect(() => checkToken(withClaims({ aud: "gcp" }), AUDIENCE)).toThrow(
      refused('its audience is "gcp", not "sts.amazonaws.com"'),
    );
    expect(() => checkToken(withClaims({ aud: [] }), AUDIENCE)).toThrow(refused(/its audience is \[\]/));
  });

  it("refuses a token from the moment that IAM does: five minutes after its exp", () => {
    const token = withClaims({});
    vi.setSystemTime((EXP + 300) * 1_000 - 1);
    expect(checkToken(token, AUDIENCE).token).toBe(token);
    vi.setSystemTime((EXP + 300) * 1_000);
    expect(() => checkToken(token, AUDIENCE)).toThrow(
      refused("it expired at 2026-11-24T13:00:00.000Z; this machine's clock says 2026-11-24T13:05:00.000Z"),
    );
    expect(() => checkToken(withClaims({ exp: -8e12 }), AUDIENCE)).toThrow(refused("it expired at -"));
  });
});
