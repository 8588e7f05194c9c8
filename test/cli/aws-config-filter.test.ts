import { describe, expect, it } from "vitest";
import { hasCredentials, profilesOf, withoutCredentials } from "../../src/cli/aws-config-filter.js";

const SETTINGS = `[default]
region = eu-west-1
output = json
retry_mode = adaptive
max_attempts = 7
ca_bundle = /etc/ssl/own.pem
services = own
s3 =
  addressing_style = path
  max_concurrent_requests = 5
[services own]
s3 =
  endpoint_url = http://127.0.0.1:9000
`;

describe("an AWS config file without credentials", () => {
  it("keeps every setting", () => {
    expect(withoutCredentials(SETTINGS)).toBe(SETTINGS);
    expect(hasCredentials(SETTINGS)).toBe(false);
  });

  it.each([
    "aws_access_key_id = AKID",
    "aws_secret_access_key=secret",
    "  aws_session_token = token",
    "AWS_ACCESS_KEY_ID = AKID",
    "aws_access_key_id: AKID",
    "aws_security_token = token",
    "credential_process = /bin/echo",
    "credential_source = Environment",
    "role_arn = arn:aws:iam::1:role/x",
    "source_profile = other",
    "web_identity_token_file = /token",
    "role_session_name = x",
    "external_id = x",
    "mfa_serial = x",
    "sso_session = x",
    "sso_start_url = https://x",
    "sso_account_id = 1",
    "sso_role_name = x",
    "sso_registration_scopes = x",
    "login_session = arn:aws:iam::1:user/x",
    "credential_process =\n  /bin/echo\n  more",
  ])("removes %j, wherever it stands", (line) => {
    const first = SETTINGS.replace("[default]\n", `[default]\n${line}\n`);
    const nested = SETTINGS.replace("output = json\n", `output = json\n${line}\n`);
    const last = `${SETTINGS}[profile other]\n${line}\n`;
    for (const text of [
      first,
      nested,
      first.replaceAll("\n", "\r\n"),
      `\uFEFF${first}`,
      first.replaceAll("\n", "\r"),
    ]) {
      expect([hasCredentials(text), withoutCredentials(text)]).toEqual([true, SETTINGS]);
    }
    expect(withoutCredentials(last)).toBe(`${SETTINGS}[profile other]\n`);
  });

  it("removes comments, in which an old key may stand", () => {
    expect(withoutCredentials(`# aws_access_key_id = AKID\n; x\n\n${SETTINGS}`)).toBe(SETTINGS);
    expect(hasCredentials("# aws_access_key_id = AKID\n")).toBe(false);
  });

  it("knows the profiles of both kinds of file", () => {
    const text = "[default]\n[profile a]\n[b]\n[profile 'c d']\n  [ profile e ] # x\n";
    expect([...profilesOf(text)]).toEqual(["default", "a", "b", "c d", "e"]);
  });
});
