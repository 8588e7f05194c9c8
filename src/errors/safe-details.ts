import { redactText } from "../lib/redact-text.js";
import { parseRoleArn } from "../lib/role-arn.js";
import { safeJson, safeText } from "../lib/safe-text.js";
import type { ErrorDetails, IdentityClaims, Platform } from "./error-codes.js";

const MAX_REASON_BYTES = 1_000;
const MAX_POLICY_VALUE_BYTES = 300;
const MAX_DETOURS = 4;

/** https://cloud.google.com/resource-manager/docs/creating-managing-projects: a domain-scoped id begins `example.com:`. */
const PROJECT = /^(?:[a-z0-9][a-z0-9.-]{0,100}:)?[a-z][a-z0-9-]{0,61}$/;
/** Every email of a Google service account ends so: https://cloud.google.com/iam/docs/service-account-types. */
const SERVICE_ACCOUNT = /^[a-z0-9][a-z0-9-]{0,62}@[a-z0-9](?:[a-z0-9.-]{0,120}[a-z0-9])?\.gserviceaccount\.com$/;
/** RFC 1123 label and subdomain, as Kubernetes names namespaces and service accounts. */
const NAMESPACE = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const KUBERNETES_NAME = /^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/;
const REGION = /^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$/;
/** https://github.com/npm/validate-npm-package-name */
const PACKAGE = /^(?:@[a-z0-9][\w.-]{0,100}\/)?[a-z0-9][\w.-]{0,100}$/;
const VARIABLE = /^[A-Za-z_]{1,40}$/;
/**
 * IAM takes URLs of at most 255 characters, without query. Google's own tokens may leave out
 * the scheme; other STS implementations take HTTP.
 */
const ISSUER = /^(?=.{1,255}$)(?:accounts\.google\.com|https?:\/\/[a-z0-9][a-z0-9.-]*(?::\d{1,5})?(?:\/[\w.~-]+)*)$/;
const MAX_PATH_BYTES = 300;
/** Variables of Cloud Run and Cloud Functions, and what sets them. `FUNCTION_NAME` is of the first Cloud Functions. */
const SERVERLESS: Readonly<Record<string, Platform>> = {
  CLOUD_RUN_JOB: "cloud-run-job",
  CLOUD_RUN_WORKER_POOL: "cloud-run-worker-pool",
  K_SERVICE: "cloud-run",
  FUNCTION_NAME: "cloud-run",
};
const PLATFORMS: readonly unknown[] = [
  "kubernetes",
  "cloud-run",
  "cloud-run-job",
  "cloud-run-worker-pool",
  "compute-engine",
] satisfies readonly Platform[];

/** Names every detail, so that a new one cannot be forgotten here. */
type SafeDetails = { readonly [Name in keyof Required<ErrorDetails>]: ErrorDetails[Name] };

const only = (form: RegExp, value: unknown): string | undefined =>
  typeof value === "string" && form.test(value) ? value : undefined;

/** Whether this is the email of a Google service account, in the form that Google gives it. */
export const isServiceAccountEmail = (value: unknown): value is string => only(SERVICE_ACCOUNT, value) !== undefined;

/** A value that a trust policy may hold: any text, but not a long one, and no secret. */
function policyValue(value: unknown): string | undefined {
  if (typeof value !== "string" || value === "" || !value.isWellFormed()) return undefined;
  // A quote takes four characters in a shell's quotes.
  const isShort =
    value.length <= MAX_POLICY_VALUE_BYTES && Buffer.byteLength(safeJson(value)) <= MAX_POLICY_VALUE_BYTES;
  return isShort && redactText(value) === value ? value : undefined;
}

/** A path as the shell and its commands take it: whole, in sight, and never read as an option. */
function safePath(value: unknown): string | undefined {
  if (typeof value !== "string" || value.length > MAX_PATH_BYTES) return undefined;
  const isSafe = safeText(value, MAX_PATH_BYTES) === value && redactText(value) === value && value !== "";
  return isSafe ? value.replace(/^-/, "./-") : undefined;
}

function safeClaims(claims: IdentityClaims | undefined): IdentityClaims | undefined {
  if (typeof claims !== "object" || claims === null) return undefined;
  const { iss, azp, aud, sub, email } = claims;
  return {
    iss: only(ISSUER, iss),
    azp: policyValue(azp),
    aud: policyValue(Array.isArray(aud) ? aud[0] : aud),
    sub: policyValue(sub),
    email: only(SERVICE_ACCOUNT, email),
  };
}

/**
 * What comes from outside is data: a token's claims, answers of servers, the environment. Here, and only here, it becomes
 * fit for a message and for commands. A value of the wrong form is left out: the command then has a placeholder.
 */
export function toSafeDetails(details: ErrorDetails): SafeDetails {
  const { reason, roleArn, durationSeconds, detours, tryNextLink } = details;
  const isOneArn = parseRoleArn(roleArn) !== undefined && redactText(roleArn ?? "") === roleArn;
  return {
    reason: typeof reason === "string" ? safeText(redactText(reason), MAX_REASON_BYTES) : undefined,
    roleArn: isOneArn ? roleArn : undefined,
    audience: policyValue(details.audience),
    region: only(REGION, details.region),
    serviceAccountEmail: only(SERVICE_ACCOUNT, details.serviceAccountEmail),
    claims: safeClaims(details.claims),
    durationSeconds: Number.isSafeInteger(durationSeconds) ? durationSeconds : undefined,
    tokenFile: safePath(details.tokenFile),
    projectId: only(PROJECT, details.projectId),
    namespace: only(NAMESPACE, details.namespace),
    kubernetesServiceAccount: only(KUBERNETES_NAME, details.kubernetesServiceAccount),
    packageName: only(PACKAGE, details.packageName),
    detours: Array.isArray(detours) ? detours.filter((name) => only(VARIABLE, name)).slice(0, MAX_DETOURS) : undefined,
    platform: PLATFORMS.includes(details.platform) ? details.platform : undefined,
    tryNextLink: typeof tryNextLink === "boolean" ? tryNextLink : undefined,
  };
}

/** Where the process runs, from the details or else from the environment; undefined where neither says so. */
export function platformOf(details: ErrorDetails, env: NodeJS.ProcessEnv): Platform | undefined {
  if (details.platform) return details.platform;
  if (details.namespace || details.kubernetesServiceAccount || env.KUBERNETES_SERVICE_HOST) return "kubernetes";
  return serverlessPlatform(env);
}

/** Which kind of Cloud Run, or Cloud Functions, the environment names. */
export const serverlessPlatform = (env: NodeJS.ProcessEnv): Platform | undefined =>
  Object.entries(SERVERLESS).find(([name]) => env[name])?.[1];
