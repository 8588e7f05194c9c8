import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { toMessage } from "../../src/cli/output.js";
import { createError } from "../../src/errors/create-error.js";
import type { ErrorDetails } from "../../src/errors/error.js";
import { ERRORS } from "../../src/errors/error-table.js";
import type { GkeWorkloadIdentityError, GkeWorkloadIdentityErrorCode } from "../../src/index.js";
import { toStsError as classifyStsFailure } from "../../src/sts/sts-failure.js";

const codes = Object.keys(ERRORS) as GkeWorkloadIdentityErrorCode[];
const CANARY = join(mkdtempSync(join(tmpdir(), "hostile-")), "canary");

afterAll(() => rmSync(dirname(CANARY), { recursive: true }));

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

type ToDetails = (value: unknown) => object;
const WORDS = ["reason", "roleArn", "audience", "region", "serviceAccountEmail", "durationSeconds", "tokenFile"];
const NAMES = ["projectId", "namespace", "kubernetesServiceAccount", "packageName"];
const CLAIMS = ["iss", "azp", "aud", "sub", "email"];

/** Each detail, by where a wrong value of it is. */
const FIELDS: Readonly<Record<string, ToDetails>> = {
  ...Object.fromEntries(
    [...WORDS, ...NAMES].map((name): [string, ToDetails] => [name, (value) => ({ [name]: value })]),
  ),
  ...Object.fromEntries(CLAIMS.map((name): [string, ToDetails] => [name, (value) => ({ claims: { [name]: value } })])),
  "role's name": (name) => ({ roleArn: `arn:aws:iam::123456789012:role/${name}` }),
  "an email's name": (name) => ({ serviceAccountEmail: `${name}@p.iam.gserviceaccount.com` }),
  "an issuer's path": (path) => ({ claims: { iss: `https://example.com/${path}` } }),
  "all claims": (text) => ({ claims: { azp: text, aud: text, sub: text, email: text } }),
  metadataVariables: (name) => ({ metadataVariables: [name] }),
  host: (host) => ({ host, hostSetBy: "AWS_ENDPOINT_URL" }),
};

const INVISIBLE = /(?![\n ])[\p{C}\p{Z}\p{Default_Ignorable_Code_Point}\u2800]/u;
const LINE = /^(?:\d\. )?[A-Z]|^ {3}(?:aws|gcloud|kubectl|npm|npx|curl|ls|env|date|id|export)(?: |$)/;

/** Collects the broken rules of all errors first: an `expect` for each rule of 20,000 errors takes seconds. */
function expectSafe(...errors: readonly GkeWorkloadIdentityError[]): void {
  const faults = errors.flatMap((error) => {
    const lines = error.hint === "" ? [] : error.hint.split("\n");
    const rules = {
      "shows all of its message": !INVISIBLE.test(error.message),
      "has a message of one line": !error.message.includes("\n"),
      "has a short message": error.message.length <= 300,
      "ends its message with its code": error.message.endsWith(` [${error.code}]`),
      "shows all of its hint": !INVISIBLE.test(error.hint),
      "has a short hint": error.hint.length <= 900,
      "has steps and commands of its own alone": lines.every((line) => LINE.test(line)),
      "shows all in the command's output": !INVISIBLE.test(toMessage(error)),
    };
    const broken = Object.entries(rules).filter(([, holds]) => !holds);
    return broken.map(([rule]) => `not: ${rule}. ${error.message.slice(0, 200)}\n${error.hint.slice(0, 1_000)}`);
  });
  expect(faults).toEqual([]);
}

const commandsOf = ({ hint }: GkeWorkloadIdentityError): string[] =>
  hint.split("\n").filter((line) => /^ {3}(?:aws|gcloud|kubectl|npm|npx|curl|ls) /.test(line));

const LIST = Object.entries(FIELDS).flatMap(([name, toDetails]) =>
  TEXTS.map((value) => ({ name, details: toDetails(value) as ErrorDetails })),
);

/** The commands of all errors that hold a detail in one. */
const commandsOfAll = (): string[] =>
  LIST.flatMap(({ details }) =>
    codes.flatMap((code) => commandsOf(createError(code, { ...details, platform: "kubernetes" }))),
  );

describe("hostile values", () => {
  const commands = commandsOfAll();

  it("are at least 150", () => expect(LIST.length).toBeGreaterThan(150));

  it.each(Object.keys(FIELDS))("in %s never leave the line, the limits or the commands of an error", (name) => {
    const given = LIST.filter((one) => one.name === name);
    expectSafe(...given.flatMap(({ details }) => codes.map((code) => createError(code, details, { cause: details }))));
  });

  it("in the name, the text and the cause of a failure of STS never leave the line or the limits", () => {
    for (const text of TEXTS) {
      for (const thrown of [text, { name: text, message: text, code: text, status: text, cause: { message: text } }]) {
        const error = classifyStsFailure(thrown, { token: "a-token" });
        expectSafe(error);
        expect(`${(error.cause as Error | undefined)?.stack}`).not.toMatch(INVISIBLE);
      }
    }
  });

  it.each(["sh", "bash"])("in commands are single words of %s, and run nothing", (shell) => {
    const names = ["aws", "gcloud", "kubectl", "npm", "npx", "curl", "ls"];
    const shown = names.map((name) => `${name}() { printf '%s\\0' ${name} "$@"; printf '\\1'; }`);
    // A file, because a shell reads its standard input byte by byte.
    const script = join(dirname(CANARY), `commands.${shell}`);
    writeFileSync(script, [...shown, ...commands].join("\n"));
    const { stdout, stderr } = spawnSync(shell, [script], {
      encoding: "utf8",
      maxBuffer: 2 ** 28,
    });
    expect([stderr, existsSync(CANARY)]).toEqual(["", false]);
    const calls = stdout.split("\u0001").filter(Boolean);
    expect(calls).toHaveLength(commands.length);
    const OWN =
      /^-(?:lL|sS|-(?:role-name|query|namespace|role|member|output|max-session-duration|selector|region-name|audience|issuer|service-account-(?:unique-id|name)|aws-account-id|open-id-connect-provider-arn|url|client-id(?:-list)?))$/;
    const wrong = calls.filter((call) => {
      const words = call.split("\0").slice(1, -1);
      const options = words.filter((word) => word.startsWith("-")).map((word) => word.split("=")[0] ?? "");
      return options.some((option) => !OWN.test(option));
    });
    expect(wrong).toEqual([]);
  });
});
