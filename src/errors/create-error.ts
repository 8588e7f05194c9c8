import { describeFailure } from "../lib/failure.js";
import { parseRoleArn } from "../lib/role-arn.js";
import { redactText, safeJson, safeText } from "../lib/text.js";
import { isServiceAccountEmail } from "./commands.js";
import {
  type ErrorDetails,
  type ErrorTexts,
  GkeWorkloadIdentityError,
  type GkeWorkloadIdentityErrorCode,
  type IdentityClaims,
  type Platform,
} from "./error.js";
import { ERRORS, type ErrorEntry, type Step } from "./error-table.js";

const MAX_MESSAGE = 300;
const MAX_HINT = 900;
const MAX_REASON = 1_000;
const MAX_VALUE = 300;

/** Makes an error of what its code says in the table and of what happened. */
export const createError = (
  code: GkeWorkloadIdentityErrorCode,
  details: ErrorDetails = {},
  options?: ErrorOptions,
): GkeWorkloadIdentityError => new GkeWorkloadIdentityError(code, textsOf(code, details), options);

/** An error of the user's own configuration. `reason` is its whole message. */
export const invalidConfiguration = (reason: string, options?: ErrorOptions): GkeWorkloadIdentityError =>
  createError("INVALID_CONFIGURATION", { reason }, options);

/** A package that is loaded on first use. */
export async function loadPackage<M extends object>(packageName: string, loading: Promise<M>): Promise<M> {
  try {
    const module: M & { readonly default?: M } = await loading;
    // Where a bundler splits an ES module bundle (esbuild), the names of a CommonJS package are on `default` alone.
    return module.default ?? module;
  } catch (cause) {
    const reason = `The package ${packageName} could not be loaded: ${describeFailure(cause).text}`;
    throw createError("INVALID_CONFIGURATION", { reason, packageName }, { cause });
  }
}

/** Fills a row of the table of errors with details, which may be anything: here they become safe to print. */
function textsOf(code: GkeWorkloadIdentityErrorCode, details: ErrorDetails): ErrorTexts {
  const entry = ERRORS[code];
  const safe = toSafeDetails(details);
  const known = { ...safe, platform: platformOf(safe, process.env) };
  return {
    message: `${sentenceOf(entry, known, MAX_MESSAGE - code.length - 3)} [${code}]`,
    hint: toHint(entry.hint(known)),
    retryable: details.retryable ?? entry.retryable,
    tryNextLink: details.tryNextLink ?? entry.tryNextLink,
  };
}

/** The message in at most `limit` characters: what is too long is the reason, which comes from elsewhere. */
function sentenceOf({ message }: ErrorEntry, details: ErrorDetails, limit: number): string {
  const { reason = "" } = details;
  const whole = safeText(message(details));
  if (whole.length <= limit) return whole;
  const shorter = safeText(reason, Math.max(40, reason.length - (whole.length - limit)));
  return safeText(message({ ...details, reason: shorter }), limit);
}

/** The steps, numbered where there are several, each command on a line of its own. What does not fit is left out whole. */
function toHint(steps: readonly Step[]): string {
  let hint = "";
  for (const [index, step] of steps.filter((step) => step !== "").entries()) {
    const [text = "", ...commands] = [step].flat();
    const number = steps.length > 1 ? `${index + 1}. ` : "";
    const lines = [`${number}${safeText(text)}`, ...commands.map((command) => `   ${safeText(command)}`)];
    const next = [hint, ...lines].filter((line) => line !== "").join("\n");
    if (next.length <= MAX_HINT) hint = next;
  }
  return hint;
}

/** A value that may stand in a message and, quoted, in a command: short, every character in sight, no secret. */
function safeValue(value: unknown): string | undefined {
  if (typeof value !== "string" || value === "" || value.length > MAX_VALUE) return undefined;
  const shown = safeJson(value);
  const isSafe =
    shown === JSON.stringify(value) && Buffer.byteLength(shown) <= MAX_VALUE && redactText(value) === value;
  return isSafe ? value : undefined;
}

/** The same for a value that a command gives a place without a name: it must not be read as an option. */
const safeName = (value: unknown, form = /^[a-z0-9][\w.:@/[\]-]*$/i): string | undefined => {
  const text = safeValue(value);
  return text !== undefined && form.test(text) ? text : undefined;
};

/**
 * What comes from outside is data: a token's claims, answers of servers, the environment. Here, and only here, it becomes
 * fit for a message and for commands. A value of the wrong form is left out: the command then has a placeholder.
 */
function toSafeDetails(details: ErrorDetails): ErrorDetails {
  const { reason, durationSeconds, claims, metadataVariables } = details;
  const { iss, azp, aud, sub, email } = Object(claims) as IdentityClaims;
  const roleArn = safeValue(details.roleArn);
  return {
    reason: typeof reason === "string" ? safeText(redactText(reason), MAX_REASON) : undefined,
    roleArn: parseRoleArn(roleArn) && roleArn,
    audience: safeValue(details.audience),
    region: safeName(details.region),
    host: safeName(details.host),
    hostSetBy: safeValue(details.hostSetBy),
    serviceAccountEmail: isServiceAccountEmail(details.serviceAccountEmail) ? details.serviceAccountEmail : undefined,
    claims: {
      iss: safeName(iss),
      azp: safeValue(azp),
      aud: safeValue([aud].flat()[0]),
      sub: safeValue(sub),
      email: isServiceAccountEmail(email) ? email : undefined,
    },
    durationSeconds: Number.isSafeInteger(durationSeconds) ? durationSeconds : undefined,
    tokenSource: safeValue(details.tokenSource),
    tokenFile: safeValue(details.tokenFile)?.replace(/^-/, "./-"),
    projectId: safeName(details.projectId),
    namespace: safeName(details.namespace),
    kubernetesServiceAccount: safeName(details.kubernetesServiceAccount),
    packageName: safeName(details.packageName, /^[@a-z0-9][\w./@-]*$/i),
    metadataVariables: metadataVariables?.flatMap((name) => safeName(name) ?? []),
    platform: details.platform,
  };
}

/** Variables of Cloud Run, Cloud Functions and App Engine, and what sets them. `FUNCTION_NAME` is of the first Cloud Functions. */
const SERVERLESS: Readonly<Record<string, Platform>> = {
  CLOUD_RUN_JOB: "cloud-run-job",
  CLOUD_RUN_WORKER_POOL: "cloud-run-worker-pool",
  K_SERVICE: "cloud-run",
  FUNCTION_NAME: "cloud-run",
  GAE_ENV: "app-engine",
};

/** Which kind of Cloud Run, Cloud Functions or App Engine the environment names. */
export const serverlessPlatform = (env: NodeJS.ProcessEnv): Platform | undefined =>
  Object.entries(SERVERLESS).find(([name]) => env[name])?.[1];

/** Where the process runs, from the details or else from the environment; undefined where neither says so. */
export function platformOf(details: ErrorDetails, env: NodeJS.ProcessEnv): Platform | undefined {
  if (details.platform) return details.platform;
  if (details.namespace || details.kubernetesServiceAccount || env.KUBERNETES_SERVICE_HOST) return "kubernetes";
  return serverlessPlatform(env);
}
