import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { checkToken, readClaims } from "../../src/token/check-token.js";
import { unsignedToken } from "../support/pod-token.js";

const AUDIENCE = "sts.amazonaws.com";
const NOW = Date.UTC(2026, 10, 24, 12);
const EXP = NOW / 1_000 + 3_600;

const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
const withClaims = (claims: object): string => unsignedToken({ aud: AUDIENCE, exp: EXP, sub: "1", ...claims });
/** A token with one claim as this JSON text, which `JSON.stringify` may not be able to write. */
const withText = (name: "aud" | "exp", json: string): string => {
  const claims = { aud: JSON.stringify(AUDIENCE), exp: String(EXP), [name]: json };
  const text = `{"aud":${claims.aud},"exp":${claims.exp}}`;
  return `${part({})}.${Buffer.from(text).toString("base64url")}.c2ln`;
};
const reasonFor = (answer: unknown) => Reflect.get(checkToken(answer, AUDIENCE), "reason");

beforeEach(() => vi.useFakeTimers({ toFake: ["Date"], now: NOW }));
afterEach(() => vi.useRealTimers());

describe("checkToken", () => {
  it("gives the token without blanks around it, and its claims, when STS can accept it", () => {
    const claims = { iss: "https://accounts.google.com", azp: "1", sub: "1", email: "a@example.com" };
    const token = withClaims(claims);
    expect(checkToken(` ${token}\r\n`, AUDIENCE)).toEqual({ token, claims: { ...claims, aud: AUDIENCE, exp: EXP } });
  });

  it("accepts a list of audiences when it holds the right one", () => {
    expect(checkToken(withClaims({ aud: ["x", AUDIENCE] }), AUDIENCE)).toHaveProperty("token");
  });

  it("accepts a token of at most 20,000 characters, as STS does", () => {
    const longAs = (characters: number) => withClaims({ iss: "x".repeat(characters) });
    const base = longAs(0).length;
    const tokens = [...Array(8).keys()].map((more) => longAs(Math.floor(((20_000 - base) * 3) / 4) - 4 + more));
    for (const token of tokens) expect("token" in checkToken(token, AUDIENCE)).toBe(token.length <= 20_000);
    expect(tokens.map(({ length }) => length)).toContain(20_000);
    expect(reasonFor("x".repeat(20_001))).toBe("it has 20001 characters; STS accepts at most 20000");
  });

  it.each([undefined, null, 1, {}, [], Symbol("x"), "", "not-a-jwt", "<html>.</html>.x"])(
    "refuses an answer when it is not a JWT: %s",
    (answer) => {
      expect(reasonFor(answer)).toBe("it is not a JWT");
    },
  );

  it.each(["null", '"1795521600"', "true", "{}", "[1]", '{"valueOf":1}', "1e999", "-1e300", "8.64e12"])(
    "refuses a token when its exp is %s",
    (exp) => {
      expect(reasonFor(withText("exp", exp))).toBe("its exp claim is not a time in seconds");
    },
  );

  it.each(["null", "1", "true", "{}", "[1]", '["x",null]', '[["sts.amazonaws.com"]]', '{"toString":1}'])(
    "refuses a token when its aud is %s",
    (aud) => {
      expect(reasonFor(withText("aud", aud))).toBe("its aud claim is neither a string nor an array of strings");
    },
  );

  it.each(["iss", "azp", "sub", "email"])("refuses a token when its %s is not a string", (name) => {
    for (const value of [null, 1, true, {}, ["x"], { toString: 1, endsWith: 1 }])
      expect(reasonFor(withClaims({ [name]: value }))).toBe(`its ${name} claim is not a string`);
  });

  it("refuses a token when it has no exp, no aud, or another aud", () => {
    expect(reasonFor(withClaims({ exp: undefined }))).toBe("it has no exp claim");
    expect(reasonFor(withClaims({ aud: undefined }))).toBe("it has no aud claim");
    expect(reasonFor(withClaims({ aud: "gcp" }))).toBe('its audience is "gcp", not "sts.amazonaws.com"');
    expect(reasonFor(withClaims({ aud: [] }))).toContain("its audience is []");
  });

  it("refuses a token from the moment that IAM does: five minutes after its exp", () => {
    const token = withClaims({});
    vi.setSystemTime((EXP + 300) * 1_000 - 1);
    expect(checkToken(token, AUDIENCE)).toHaveProperty("token");
    vi.setSystemTime((EXP + 300) * 1_000);
    expect(checkToken(token, AUDIENCE)).toMatchObject({
      isExpired: true,
      reason: "it expired at 2026-11-24T13:00:00.000Z; this machine's clock says 2026-11-24T13:05:00.000Z",
    });
    expect(reasonFor(withClaims({ exp: -8e12 }))).toContain("it expired at -");
  });
});

describe("readClaims", () => {
  it("reads the claims of a JWT, whatever their types", () => {
    expect(readClaims(unsignedToken({ aud: 1, sub: "1" }))).toEqual({ aud: 1, sub: "1" });
  });

  it.each([
    ["it has two parts", `${part({})}.${part({})}`],
    ["it has four parts", `${part({})}.${part({})}.a.b`],
    ["it has no signature", `${part({})}.${part({})}.`],
    ["its claims are a list", `${part({})}.${part([])}.sig`],
    ["its claims are a string", `${part({})}.${part("x")}.sig`],
    ["its claims are not JSON", `${part({})}.bm90IGpzb24.sig`],
    ["its header is not JSON", `bm90IGpzb24.${part({})}.sig`],
    ["it ends with a newline", `${part({})}.${part({})}.sig\n`],
  ])("gives nothing when %s", (_, token) => {
    expect(readClaims(token)).toBeUndefined();
  });
});
