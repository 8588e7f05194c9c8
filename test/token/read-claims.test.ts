import { describe, expect, it } from "vitest";
import { readClaims as readIdTokenClaims } from "../../src/token/check-token.js";

const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");

describe("readIdTokenClaims", () => {
  it("reads the claims of a JWT", () => {
    const claims = { aud: "sts.amazonaws.com", sub: "111035977024964273138" };
    expect(readIdTokenClaims(`${part({ alg: "RS256" })}.${part(claims)}.c2ln`)).toEqual(claims);
  });

  it.each([
    ["nothing", undefined],
    ["a number", 123],
    ["a parsed object", { aud: "x" }],
    ["empty text", ""],
    ["HTML", "<html>.</html>."],
    ["two parts", `${part({})}.${part({})}`],
    ["four parts", `${part({})}.${part({})}.a.b`],
    ["no signature", `${part({})}.${part({})}.`],
    ["claims that are a list", `${part({})}.${part([])}.sig`],
    ["claims that are text", `${part({})}.${part("x")}.sig`],
    ["claims that are not JSON", `${part({})}.bm90IGpzb24.sig`],
    ["a header that is not JSON", `bm90IGpzb24.${part({})}.sig`],
    ["a trailing newline", `${part({})}.${part({})}.sig\n`],
  ])("gives nothing for %s", (_, token) => {
    expect(readIdTokenClaims(token)).toBeUndefined();
  });
});
