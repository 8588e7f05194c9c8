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
});

describe("fakeRoleAssumer", () => {
  it("gives sessions that count up, as long as asked, and remembers its calls", async () => {
    const assume = fakeRoleAssumer();
    const first = await assume(params);
    const second = await assume({ ...params, DurationSeconds: 900 });
    expect([first.accessKeyId, second.accessKeyId]).toEqual(["ASIAFAKE000000000001", "ASIAFAKE000000000002"]);
    expect(Math.round((second.expiration.getTime() - Date.now()) / 1000)).toBe(900);
    expect(assume.calls).toHaveLength(2);
    const { expiration } = await fakeRoleAssumer({ lifetimeSeconds: 60 })(params);
    expect(expiration.getTime()).toBeLessThanOrEqual(Date.now() + 60_000);
    expect((await fakeRoleAssumer()({ ...params, RoleArn: "arn:aws:iam::210987654321:role/x" })).accountId).toBe(
      "210987654321",
    );
    expect((await fakeRoleAssumer()({ ...params, RoleArn: "x" })).accountId).toBe("");
  });
});

describe("a fake", () => {
  const provider = fakeIdTokenProvider();
  const assume = fakeRoleAssumer();
  const FAKES = [
    { what: "fakeIdTokenProvider", fake: provider, call: () => provider.fetchIdToken("gcp") },
    { what: "fakeRoleAssumer", fake: assume, call: () => assume(params) },
  ];

  it.each(FAKES)("fails as often as it is told, or until clearFaults(), when it is $what", async ({ fake, call }) => {
    fake.failWith(new Error("denied"), { times: 2 });
    for (let count = 0; count < 2; count += 1) await expect(call()).rejects.toThrow("denied");
    await expect(call()).resolves.toBeDefined();
    fake.failWith(new Error("gone"));
    for (let count = 0; count < 3; count += 1) await expect(call()).rejects.toThrow("gone");
    fake.clearFaults();
    await expect(call()).resolves.toBeDefined();
  });

  it.each(FAKES)("refuses a wrong number of times when it is $what", ({ fake }) => {
    for (const times of [0, -1, Number.NaN])
      expect(() => fake.failWith(new Error("denied"), { times })).toThrow("times is");
    // It would make every call fail.
    expect(() => fake.failWith(new Error("denied"), 2 as never)).toThrow("Give { times: 2 } in place of 2.");
  });
});
