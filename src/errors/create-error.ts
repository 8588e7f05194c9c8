import { describeFailure } from "../lib/failure.js";
import { parseRoleArn } from "../lib/role-arn.js";
import { redactText, safeText } from "../lib/text.js";
import { isServiceAccountEmail } from "./commands.js";
import {
  type ErrorDetails,
  GkeWorkloadIdentityError,
  type GkeWorkloadIdentityErrorCode,
  type Platform,
} from "./error.js";
import { ERRORS, type Step } from "./error-table.js";

const MAX_MESSAGE = 300;
const MAX_HINT = 900;
/** With a cause, which has the whole reason, the reason and the hint together are this long: a log line stays under 2 kB. */
const MAX_WITH_CAUSE = 490;
const MAX_REASON = 300;
const MAX_VALUE = 300;

/** Makes an error of what its code says in the table and of what happened. The details may be anything: they are made safe. */
export function createError(
  code: GkeWorkloadIdentityErrorCode,
  details: ErrorDetails = {},
  options?: ErrorOptions,
): GkeWorkloadIdentityError {
  const { sentence, hint, ...entry } = ERRORS[code];
  const safe = toSafeDetails(details);
  const known = { ...safe, platform: platformOf(safe, process.env) };
  const steps = toHint(hint(known));
  const room = options?.cause === undefined ? MAX_REASON : Math.max(80, MAX_WITH_CAUSE - steps.length);
  const reason = safeText(known.reason ?? "", room);
  const said = [sentence(known), reason].filter(Boolean).join(": ");
  const message = `${safeText(said, MAX_MESSAGE - code.length - " []".length)} [${code}]`;
  const { retryable = entry.retryable, tryNextLink = entry.tryNextLink } = details;
  return new GkeWorkloadIdentityError(code, { message, hint: steps, retryable, tryNextLink }, options);
}

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

/** The steps, numbered where there are several, each command on a line of its own. What does not fit is left out whole. */
function toHint(steps: readonly Step[]): string {
  const texts = steps.filter((step) => step !== false).map((step) => [step].flat().join("\n   "));
  const shown: string[] = [];
  for (const text of texts) {
    const numbered = texts.length > 1 ? `${shown.length + 1}. ${text}` : text;
    if ([...shown, numbered].join("\n").length <= MAX_HINT) shown.push(numbered);
  }
  return shown.join("\n");
}

/** A value that may stand in a message and, quoted, in a command: short, every character in sight, no secret. */
function safeValue(value: unknown): string | undefined {
  if (typeof value !== "string" || value === "" || Buffer.byteLength(value) > MAX_VALUE) return undefined;
  return safeText(value) === value && redactText(value) === value ? value : undefined;
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
  const { iss, azp, aud, sub, email } = claims ?? {};
  const safeEmail = (value: unknown): string | undefined => (isServiceAccountEmail(value) ? value : undefined);
  return {
    // A code behind it ends the sentence.
    reason: typeof reason === "string" ? safeText(redactText(reason), MAX_REASON).replace(/\.$/, "") : undefined,
    roleArn: parseRoleArn(details.roleArn) && safeValue(details.roleArn),
    audience: safeValue(details.audience),
    region: safeName(details.region),
    host: safeName(details.host),
    hostSetBy: safeValue(details.hostSetBy),
    serviceAccountEmail: safeEmail(details.serviceAccountEmail),
    claims: {
      iss: safeName(iss),
      azp: safeValue(azp),
      aud: safeValue([aud].flat()[0]),
      sub: safeValue(sub),
      email: safeEmail(email),
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

/** Variables that Cloud Run, Cloud Functions (the third and the fourth) and App Engine set. */
const SERVERLESS: Readonly<Record<string, Platform>> = {
  CLOUD_RUN_JOB: "cloud-run-job",
  CLOUD_RUN_WORKER_POOL: "cloud-run-worker-pool",
  K_SERVICE: "cloud-run",
  FUNCTION_NAME: "cloud-run",
  GAE_ENV: "app-engine",
};

export const serverlessPlatform = (env: NodeJS.ProcessEnv): Platform | undefined =>
  Object.entries(SERVERLESS).find(([name]) => env[name])?.[1];

/** Where the process runs, from the details or else from the environment; undefined where neither says so. */
export function platformOf(details: ErrorDetails, env: NodeJS.ProcessEnv): Platform | undefined {
  if (details.platform) return details.platform;
  if (details.namespace || details.kubernetesServiceAccount || env.KUBERNETES_SERVICE_HOST) return "kubernetes";
  return serverlessPlatform(env);
}
