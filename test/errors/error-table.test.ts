import { createRequire } from "node:module";
import { Writable } from "node:stream";
import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { createError } from "../../src/errors/create-error.js";
import type { ErrorDetails } from "../../src/errors/error.js";
import { ERRORS } from "../../src/errors/error-table.js";
import type { GkeWorkloadIdentityError, GkeWorkloadIdentityErrorCode } from "../../src/index.js";

const load = createRequire(import.meta.url);
const codes = Object.keys(ERRORS) as GkeWorkloadIdentityErrorCode[];

/** Names as long as real ones. */
const EMAIL = "orders-service-production@my-company-prod-platform.iam.gserviceaccount.com";
const UNIQUE_ID = "111035977024964273138";
const ROLE_ARN = "arn:aws:iam::123456789012:role/platform/orders-service-production-eu-west-1";
const ISSUER =
  "https://container.googleapis.com/v1/projects/my-company-prod-platform/locations/europe-west1/clusters/production-europe-west1";
const SUB = "system:serviceaccount:orders-production:orders-service-production";
const TOKEN_FILE = "/var/run/secrets/sts.amazonaws.com/serviceaccount/token";
const POD: ErrorDetails = {
  platform: "kubernetes",
  projectId: "my-company-prod-platform",
  namespace: "orders-production",
  kubernetesServiceAccount: "orders-service-production",
};
const GOOGLE: ErrorDetails = {
  platform: "kubernetes",
  roleArn: ROLE_ARN,
  region: "eu-west-1",
  host: "sts.eu-west-1.amazonaws.com",
  claims: {
    iss: "https://accounts.google.com",
    azp: UNIQUE_ID,
    sub: UNIQUE_ID,
    aud: "sts.amazonaws.com",
    email: EMAIL,
  },
};
const CLUSTER: ErrorDetails = { ...GOOGLE, claims: { iss: ISSUER, sub: SUB, aud: ["sts.amazonaws.com"] } };
const NODE: ErrorDetails = {
  ...GOOGLE,
  claims: { ...GOOGLE.claims, email: "123456789012-compute@developer.gserviceaccount.com" },
};
const FIPS = {
  host: "sts-fips.us-east-1.amazonaws.com",
  hostSetBy: "The FIPS setting (AWS_USE_FIPS_ENDPOINT, useFipsEndpoint or the profile)",
};
const STORE = { host: "minio.storage.svc.cluster.local:9000", hostSetBy: "AWS_ENDPOINT_URL" };

const NOT_ANNOTATED =
  "Your Kubernetes service account (orders-production/orders-service-production) is not annotated with a target Google service account, which is a requirement for retrieving Identity Tokens using Workload Identity.";
const DENIED_BY_IAM =
  "Unable to generate identity token; IAM returned 403 Forbidden: Permission 'iam.serviceAccounts.getOpenIdToken' denied on resource (or it may not exist).\nThis error could be caused by a missing IAM policy binding on the target IAM service account.\nFor more information, refer to the Workload Identity documentation:\n\thttps://cloud.google.com/kubernetes-engine/docs/how-to/workload-identity#authenticating_to";
const NOT_AUTHORIZED = "Not authorized to perform sts:AssumeRoleWithWebIdentity";

/** Each code as it really comes, with what the other side says. */
const REAL: readonly (readonly [GkeWorkloadIdentityErrorCode, ErrorDetails, string?])[] = [
  ["NOT_ON_GOOGLE_CLOUD", {}, "the pod's Kubernetes token is of EKS, oidc.eks.eu-west-1.amazonaws.com"],
  ["MISSING_ROLE_ARN", POD],
  ["MISSING_ROLE_ARN", { platform: "cloud-run" }],
  ["INVALID_CONFIGURATION", { reason: "keepFresh must be a boolean, got a string" }],
  ["INVALID_CONFIGURATION", { packageName: "google-auth-library" }, "Cannot find package 'google-auth-library'"],
  [
    "INVALID_CONFIGURATION",
    { ...GOOGLE, durationSeconds: 43_200 },
    "STS refused the request: The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
  ],
  ["METADATA_UNAVAILABLE", POD, "connect ECONNREFUSED 169.254.169.254:80"],
  ["METADATA_UNAVAILABLE", { ...POD, metadataVariables: ["GCE_METADATA_HOST"] }, "connect ECONNREFUSED 10.0.0.1:80"],
  ["METADATA_UNAVAILABLE", { platform: "compute-engine" }, "Service Unavailable"],
  ["METADATA_UNAVAILABLE", { tokenSource: "The idTokenProvider" }, "invalid_grant"],
  ["METADATA_TIMEOUT", POD, "no answer within 10000 ms"],
  ["NO_GOOGLE_SERVICE_ACCOUNT", { ...POD, serviceAccountEmail: "my-company-prod-platform.svc.id.goog" }, NOT_ANNOTATED],
  [
    "NO_GOOGLE_SERVICE_ACCOUNT",
    { ...POD, serviceAccountEmail: EMAIL },
    `Unable to generate identity token; IAM returned 404 Not Found: Not found; Gaia id not found for email ${EMAIL}`,
  ],
  ["NO_GOOGLE_SERVICE_ACCOUNT", { platform: "compute-engine" }, "404 page not found"],
  ["NO_GOOGLE_SERVICE_ACCOUNT", { platform: "compute-engine" }, "Not Found"],
  ["NO_GOOGLE_SERVICE_ACCOUNT", { tokenSource: "The idTokenProvider" }, "Not found; Gaia id not found for email"],
  ["GOOGLE_PERMISSION_DENIED", { ...POD, serviceAccountEmail: EMAIL }, DENIED_BY_IAM],
  ["GOOGLE_PERMISSION_DENIED", { platform: "cloud-run", serviceAccountEmail: EMAIL }, DENIED_BY_IAM],
  ["GOOGLE_PERMISSION_DENIED", { tokenSource: "The idTokenProvider" }, DENIED_BY_IAM],
  [
    "INVALID_ID_TOKEN",
    { reason: "it expired at 2026-11-24T12:00:00.000Z; this machine's clock says 2026-11-24T13:00:00.000Z" },
  ],
  ["INVALID_ID_TOKEN", { audience: "my-company", reason: 'its audience is "gcp", not "my-company"' }],
  ["WEB_IDENTITY_TOKEN_FILE_MISSING", { ...POD, tokenFile: TOKEN_FILE }, "there is no such file"],
  ["WEB_IDENTITY_TOKEN_FILE_UNREADABLE", { ...POD, tokenFile: TOKEN_FILE }, "the user id 65532 may not read it"],
  [
    "WEB_IDENTITY_TOKEN_FILE_INVALID",
    { ...POD, tokenFile: TOKEN_FILE, reason: `its audience is ["${ISSUER}"], not "sts.amazonaws.com"` },
  ],
  [
    "WEB_IDENTITY_TOKEN_FILE_EXPIRED",
    {
      ...POD,
      tokenFile: TOKEN_FILE,
      reason: "it expired at 2026-11-24T12:00:00.000Z; this machine's clock says 2026-11-24T13:00:00.000Z",
    },
  ],
  ["STS_ACCESS_DENIED", GOOGLE, NOT_AUTHORIZED],
  ["STS_ACCESS_DENIED", { ...GOOGLE, ...FIPS }, NOT_AUTHORIZED],
  ["STS_ACCESS_DENIED", NODE, NOT_AUTHORIZED],
  ["STS_ACCESS_DENIED", { ...NODE, platform: "compute-engine" }, NOT_AUTHORIZED],
  ["STS_ACCESS_DENIED", CLUSTER, NOT_AUTHORIZED],
  ["STS_INVALID_TOKEN", GOOGLE, "Incorrect token audience"],
  ["STS_INVALID_TOKEN", CLUSTER, `No OpenIDConnect provider found in your account for ${ISSUER}`],
  ["STS_INVALID_TOKEN", CLUSTER, "Incorrect token audience"],
  ["STS_INVALID_TOKEN", CLUSTER, "The ID Token provided is not a valid JWT"],
  [
    "STS_EXPIRED_TOKEN",
    GOOGLE,
    "Token expired: current date/time 1764000060 must be before the expiration date/time1764000000",
  ],
  ["STS_IDP_UNREACHABLE", GOOGLE, "Couldn't retrieve verification key from your identity provider"],
  ["STS_IDP_UNREACHABLE", CLUSTER, "Couldn't retrieve verification key from your identity provider"],
  ["STS_REGION_DISABLED", GOOGLE, "STS is not activated in this region for account:123456789012."],
  ["STS_POLICY_INVALID", GOOGLE, "Syntax errors in policy."],
  ["STS_THROTTLED", GOOGLE, "Rate exceeded"],
  ["STS_UNREACHABLE", GOOGLE, "no answer within 10000 ms"],
  ["STS_UNREACHABLE", { ...GOOGLE, host: "sts.eu-wset-1.amazonaws.com", region: "eu-wset-1" }, "getaddrinfo ENOTFOUND"],
  ["STS_UNREACHABLE", { ...GOOGLE, ...STORE }, "connect ECONNREFUSED 10.0.0.1:9000"],
  ["STS_UNREACHABLE", { ...GOOGLE, ...FIPS }, "self-signed certificate in certificate chain"],
  ["STS_UNREACHABLE", { reason: "no answer within timeoutMs, 30000 ms" }],
  ["STS_INVALID_RESPONSE", { ...GOOGLE, ...STORE }, "char '{' is not expected.:1:1"],
  [
    "STS_INVALID_RESPONSE",
    {
      reason:
        "the session ended at 2026-11-24T12:00:00.000Z, before it arrived; this machine's clock says 2026-11-24T13:00:00.000Z",
    },
  ],
];

const make = ([code, details, said]: (typeof REAL)[number]): GkeWorkloadIdentityError => {
  if (said === undefined) return createError(code, details);
  const cause = Object.assign(new Error(said), { name: "AccessDenied", status: 403 });
  return createError(code, { ...details, reason: said.replaceAll(/\s+/g, " ") }, { cause });
};
const errors = REAL.map((row) => {
  const [code, details, said] = row;
  const reason = (said ?? details.reason)?.split("\n")[0] ?? "";
  return [code, reason, { ...details, reason }, make(row)] as const;
});

/** A sentence, or a command below one. */
const LINE = /^(?:\d\. )?[A-Z].*[.:]$|^ {3}(?:aws|gcloud|kubectl|npm|npx|curl|ls|env|date|id|export)(?: |$)/;

describe("every error, with real names", () => {
  it("is there for every code", () => expect(new Set(REAL.map(([code]) => code))).toEqual(new Set(codes)));

  it.each(errors)("%s (%s) has a message of one sentence and a short hint of steps", (code, _, details, error) => {
    const { message, hint } = error;
    expect(message).toMatch(/^[A-Za-z][^\n]*[^.:\s] \[[A-Z_]+\]$/);
    expect(message.endsWith(` [${code}]`)).toBe(true);
    expect(message.length).toBeLessThanOrEqual(300);
    expect(hint.length).toBeLessThanOrEqual(900);
    expect(`${message}${hint}`).not.toMatch(/undefined|\[object|see the hint|node_modules/);
    const lines = hint === "" ? [] : hint.split("\n");
    for (const line of lines) expect(line).toMatch(LINE);
    const numbers = lines.flatMap((line) => /^\d/.exec(line)?.map(Number) ?? []);
    expect(numbers).toEqual(numbers.map((_, index) => index + 1));
    expect(numbers).not.toHaveLength(1);
    const steps = ERRORS[code].hint(details).filter((step) => step !== false);
    expect(numbers.length || Math.min(1, hint.length)).toBe(steps.length);
  });

  it.each(errors)("%s (%s) replaces no policy and names no host that was not called", (_, _said, details, { hint }) => {
    expect(hint).not.toMatch(/update-assume-role-policy|put-role-policy|policy-document|--overwrite|--force/);
    const called = [details.host, new URL(ISSUER).host, details.metadataVariables ? undefined : "169.254.169.254"];
    for (const [, host] of hint.matchAll(/https?:\/\/(\w[\w.:-]*)/g)) expect(called).toContain(host);
  });

  it.each(errors)("%s (%s) is short in a terminal and in a log", (code, _, _details, error) => {
    expect(inspect(error).split("\n").length).toBeLessThan(25);
    expect(JSON.parse(JSON.stringify(error))).toEqual({
      name: "GkeWorkloadIdentityError",
      code,
      message: error.message,
      hint: error.hint,
    });
    const lines: string[] = [];
    const logger = load("pino")({}, { write: (line: string) => lines.push(line) });
    logger.error({ err: error }, "request failed");
    logger.error(error);
    const { createLogger, format, transports } = load("winston");
    const stream = new Writable({
      write: (text, _encoding, done) => {
        lines.push(String(text));
        done();
      },
    });
    createLogger({
      format: format.combine(format.errors(), format.json()),
      transports: [new transports.Stream({ stream })],
    }).error(error);
    expect(lines.map((line) => JSON.parse(line).code ?? JSON.parse(line).err.code)).toEqual([code, code, code]);
    for (const line of lines) expect(Buffer.byteLength(line)).toBeLessThan(2_000);
  });
});
