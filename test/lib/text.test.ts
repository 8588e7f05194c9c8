import { describe, expect, it } from "vitest";
import { redactText } from "../../src/lib/text.js";

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

  it("takes a given secret out, plain and percent-encoded", () => {
    const secret = "abcd+efgh/ijkl=mnop";
    expect(redactText(`<${secret}> ${encodeURIComponent(secret)}`, [secret])).toBe("<[redacted]> [redacted]");
  });

  it("takes another JWT out whole when its header is that of the known token", () => {
    const other = token.replace(/[^.]+$/, "b3RoZXI");
    expect(redactText(`not ${other}, but ${token}`, [token])).toBe("not [redacted], but [redacted]");
  });

  it("ends quickly on a text of megabytes", () => {
    const start = performance.now();
    expect(redactText("eyJ".repeat(2_000_000), ["x".repeat(20_000)]).length).toBeLessThan(20_001);
    redactText('token"'.repeat(1_000_000));
    expect(performance.now() - start).toBeLessThan(5_000);
  });
});
