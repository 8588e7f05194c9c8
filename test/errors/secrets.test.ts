import { createRequire } from "node:module";
import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { createError } from "../../src/errors/create-error.js";
import {
  type FromGkeWorkloadIdentityInit,
  fromGkeWorkloadIdentity,
  GkeWorkloadIdentityError,
} from "../../src/index.js";

const ACCESS_TOKEN = `ya29.c.${"aB3_-".repeat(20)}`;
const KEY = "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY01";
const PEM = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0\n-----END PRIVATE KEY-----\n";
const JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl";
const SECRET = /ya29\.c|wJalrXUt|MIIEvQ|eyJhbGci|c2lnbmF0/;
const SECRETS: readonly unknown[] = [
  ACCESS_TOKEN,
  JWT,
  KEY,
  JSON.stringify({ type: "service_account", private_key: PEM, private_key_id: KEY }),
  { type: "service_account", private_key: PEM },
  { accessKeyId: "AKIA", secretAccessKey: KEY, sessionToken: KEY },
  [ACCESS_TOKEN],
  new Map([["token", ACCESS_TOKEN]]),
  { [ACCESS_TOKEN]: true },
  Buffer.from(KEY),
];

const pinoLines: string[] = [];
const pino = createRequire(import.meta.url)("pino")({}, { write: (line: string) => pinoLines.push(line) });

const shown = (error: unknown): string => {
  pino.error({ err: error });
  return [
    pinoLines.pop(),
    String(error),
    inspect(error, { depth: 20, showHidden: true, maxStringLength: null }),
    JSON.stringify(error),
    inspect(structuredClone(error), { depth: 20, showHidden: true }),
    (error as Error).stack,
    (error as GkeWorkloadIdentityError).hint,
  ].join("\n");
};

const OPTIONS: Readonly<Record<keyof FromGkeWorkloadIdentityInit, true>> = {
  roleArn: true,
  roleSessionName: true,
  audience: true,
  durationSeconds: true,
  policy: true,
  policyArns: true,
  serviceAccountEmail: true,
  idTokenProvider: true,
  webIdentityTokenFile: true,
  clientConfig: true,
  clientPlugins: true,
  roleAssumerWithWebIdentity: true,
  logger: true,
  stsRegions: true,
  timeoutMs: true,
  refreshAheadSeconds: true,
  keepFresh: true,
  onEvent: true,
  fallback: true,
};

describe("a secret in the wrong place", () => {
  it.each(Object.keys(OPTIONS))("is not shown when it is given as the option %s", (name) => {
    for (const value of SECRETS) {
      try {
        fromGkeWorkloadIdentity({ [name]: value });
      } catch (error) {
        expect(error).toBeInstanceOf(GkeWorkloadIdentityError);
        expect(shown(error)).not.toMatch(SECRET);
      }
    }
  });

  it("is not shown when it is in the details or the cause of an error", () => {
    const text = `sent ${JWT}, ${ACCESS_TOKEN} and secretAccessKey=${KEY}`;
    const causes = [
      text,
      new Error(text, { cause: text }),
      { config: SECRETS, message: text, $response: { headers: { authorization: KEY }, body: JWT } },
      new AggregateError([text]),
    ];
    for (const cause of causes) {
      const details = { reason: text, audience: ACCESS_TOKEN, roleArn: JWT, claims: { azp: JWT, sub: ACCESS_TOKEN } };
      expect(shown(createError("STS_ACCESS_DENIED", details, { cause }))).not.toMatch(SECRET);
    }
  });
});
