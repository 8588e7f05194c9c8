import { describe, expect, it } from "vitest";
import { fakeIdTokenProvider, fakeRoleAssumer } from "../../../src/testing/index.js";
import { readClaims as readIdTokenClaims } from "../../../src/token/check-token.js";

const params = {
  RoleArn: "arn:aws:iam::123456789012:role/reader",
  RoleSessionName: "orders",
  WebIdentityToken: "token",
};

describe("fakeIdTokenProvider", () => {
  it("gives tokens with Google's claims, or others, and remembers the audiences", async () => {
    const provider = fakeIdTokenProvider({ claims: { email: "other@example.com" }, lifetimeSeconds: 60 });
    const claims = readIdTokenClaims(await provider.fetchIdToken("gcp"));
    expect(claims).toMatchObject({ aud: "gcp", email: "other@example.com", iss: "https://accounts.google.com" });
    expect(Number(claims?.exp) - Date.now() / 1000).toBeLessThanOrEqual(60);
    expect(provider.audiences).toEqual(["gcp"]);
  });

  it("fails once with times: 1, and until clearFaults() without times", async () => {
    const provider = fakeIdTokenProvider();
    provider.failWith(new Error("no token"), { times: 1 });
    await expect(provider.fetchIdToken("gcp")).rejects.toThrow("no token");
    await expect(provider.fetchIdToken("gcp")).resolves.toBeTypeOf("string");
    provider.failWith(new Error("gone"));
    for (let call = 0; call < 3; call += 1) await expect(provider.fetchIdToken("gcp")).rejects.toThrow("gone");
    provider.clearFaults();
    await expect(provider.fetchIdToken("gcp")).resolves.toBeTypeOf("string");
  });
});

describe("fakeRoleAssumer", () => {
  it("gives sessions that count up, as long as asked, and remembers its calls", async () => {
    const assume = fakeRoleAssumer();
    const first = await assume(params);
    const second = await assume({ ...params, DurationSeconds: 900 });
    expect([first.accessKeyId, second.accessKeyId]).toEqual(["ASIAFAKE000000000001", "ASIAFAKE000000000002"]);
    expect(Math.round((second.expiration.getTime() - Date.now()) / 1000)).toBe(900);
    expect(assume.calls).toHaveLength(2);
    expect((await fakeRoleAssumer()({ ...params, RoleArn: "arn:aws:iam::210987654321:role/x" })).accountId).toBe(
      "210987654321",
    );
    expect((await fakeRoleAssumer()({ ...params, RoleArn: "x" })).accountId).toBe("");
  });

  it("fails for the next calls with times: 2, and until clearFaults() without times", async () => {
    const assume = fakeRoleAssumer({ lifetimeSeconds: 60 });
    assume.failWith(new Error("denied"), { times: 2 });
    await expect(assume(params)).rejects.toThrow("denied");
    await expect(assume(params)).rejects.toThrow("denied");
    expect((await assume(params)).expiration.getTime()).toBeLessThanOrEqual(Date.now() + 60_000);
    assume.failWith(new Error("gone"));
    for (let call = 0; call < 3; call += 1) await expect(assume(params)).rejects.toThrow("gone");
    assume.clearFaults();
    await expect(assume(params)).resolves.toBeDefined();
  });

  it.each([0, -1, Number.NaN])("refuses times: %s", (times) => {
    expect(() => fakeRoleAssumer().failWith(new Error("denied"), { times })).toThrow("times is");
  });

  it("refuses a number in place of { times }, which would make every call fail", () => {
    for (const fake of [fakeIdTokenProvider(), fakeRoleAssumer()])
      expect(() => fake.failWith(new Error("denied"), 2 as never)).toThrow("Give { times: 2 } in place of 2.");
  });
});
