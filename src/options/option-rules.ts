import { isServiceAccountEmail } from "../errors/commands.js";
import { invalidConfiguration } from "../errors/create-error.js";
import { parseRoleArn } from "../lib/role-arn.js";
import * as limits from "../lib/sts-limits.js";
import { nearestName, redactText } from "../lib/text.js";
import {
  DEFAULT_AUDIENCE,
  DEFAULT_TIMEOUT_MS,
  type FromGkeWorkloadIdentityInit,
  type ResolvedOptions,
} from "./options.js";

/** What is allowed. A wrong value of the form `showable` is shown in the message: such a value is never a secret. */
export type Rule = readonly [allowed: string, isAllowed: (value: unknown) => boolean, showable?: RegExp];

const MAX_TIMEOUT_MS = 3_600_000;
/** In the last minute of a session, requests wait for a refresh: the window for a refresh in the background is longer. */
const MIN_REFRESH_AHEAD_SECONDS = 120;
const POLICY_ARN = /^arn:[a-z0-9-]+:iam::(?:aws|\d{12}|):policy\/[\x21-\x7e]+$/;
/** A part of a host name. */
const REGION = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/i;
/** Something like an ARN, like a region, like a number: a wrong one may be shown. */
const ARN_LIKE = /^arn:[\w-]{0,20}:[\w-]{0,20}:[\w-]{0,20}:\d{0,20}:[\w+=,.@/ -]{0,200}$/;
const REGION_LIKE = /^["'\s]{0,4}[a-z]{2,4}(?:[-_ ][a-z0-9]{1,12}){1,4}["'\s]{0,4}$/i;
const NUMBER_LIKE = /^-?\d{1,12}$/;

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null;
export const isPlainObject = (value: unknown): boolean => isObject(value) && !Array.isArray(value);
const isFunction = (value: unknown): boolean => typeof value === "function";
const hasMethod = (value: unknown, method: string): boolean =>
  (isObject(value) || isFunction(value)) && isFunction(Reflect.get(value as object, method));
export const matches = (pattern: RegExp) => (value: unknown) => typeof value === "string" && pattern.test(value);
const isWholeFrom = (least: number, most: number) => (value: unknown) =>
  Number.isInteger(value) && (value as number) >= least && (value as number) <= most;
const isListOf = (most: number, isAllowed: (value: unknown) => boolean) => (value: unknown) =>
  Array.isArray(value) && value.length > 0 && value.length <= most && value.every(isAllowed);

function isPolicyDocument(value: unknown): boolean {
  try {
    return (
      typeof value === "string" && value.length <= limits.MAX_POLICY_CHARACTERS && isPlainObject(JSON.parse(value))
    );
  } catch {
    return false;
  }
}

export const ROLE_ARN: Rule = [
  "the ARN of an IAM role, such as arn:aws:iam::123456789012:role/NAME",
  (value) => parseRoleArn(value) !== undefined,
  ARN_LIKE,
];
export const ROLE_SESSION_NAME: Rule = ["2 to 64 characters of [A-Za-z0-9_+=,.@-]", matches(limits.SESSION_NAME)];
export const STS_REGION: Rule = ["the name of an AWS region, such as ap-northeast-2", matches(REGION), REGION_LIKE];
export const AUDIENCE: Rule = [
  "a string that is not empty",
  (value) => typeof value === "string" && value.trim() !== "" && value.isWellFormed(),
];
const wholeNumber = (unit: string, least: number, most: number): Rule => [
  `a whole number of ${unit} from ${least} to ${most}`,
  isWholeFrom(least, most),
  NUMBER_LIKE,
];
const A_FUNCTION: Rule = ["a function", isFunction];

const RULES: { readonly [option in keyof Required<FromGkeWorkloadIdentityInit>]: Rule } = {
  roleArn: ROLE_ARN,
  roleSessionName: ROLE_SESSION_NAME,
  audience: AUDIENCE,
  durationSeconds: wholeNumber("seconds", limits.MIN_DURATION_SECONDS, limits.MAX_DURATION_SECONDS),
  policy: [`an IAM policy document in JSON of at most ${limits.MAX_POLICY_CHARACTERS} characters`, isPolicyDocument],
  policyArns: [
    `an array of 1 to ${limits.MAX_POLICY_ARNS} objects { arn } with the ARN of an IAM policy`,
    isListOf(limits.MAX_POLICY_ARNS, (item) => isObject(item) && matches(POLICY_ARN)(Reflect.get(item, "arn"))),
  ],
  serviceAccountEmail: [
    '"default" or the email of a Google service account',
    (value) => value === "default" || isServiceAccountEmail(value),
  ],
  idTokenProvider: ["an object with the method fetchIdToken(audience)", (value) => hasMethod(value, "fetchIdToken")],
  webIdentityTokenFile: ["the path of a file", matches(/^[^\0]+$/)],
  clientConfig: ["an STSClientConfig object", isPlainObject],
  clientPlugins: [
    "an array of STS client plugins, each with the method applyToStack",
    (value) => Array.isArray(value) && value.every((item) => hasMethod(item, "applyToStack")),
  ],
  roleAssumerWithWebIdentity: A_FUNCTION,
  logger: [
    "a logger with the methods debug, info, warn and error",
    (value) => ["debug", "info", "warn", "error"].every((method) => hasMethod(value, method)),
  ],
  stsRegions: [
    'an array of different names of AWS regions, at least one, such as ["eu-central-1"]',
    (value) => isListOf(64, matches(REGION))(value) && new Set(value as string[]).size === (value as string[]).length,
    REGION_LIKE,
  ],
  timeoutMs: wholeNumber("milliseconds", 1, MAX_TIMEOUT_MS),
  refreshAheadSeconds: wholeNumber("seconds", MIN_REFRESH_AHEAD_SECONDS, limits.MAX_DURATION_SECONDS),
  keepFresh: ["a boolean", (value) => typeof value === "boolean"],
  onEvent: A_FUNCTION,
  fallback: A_FUNCTION,
};

/** Refuses a wrong value. The value may be a secret in the wrong place: it is shown only in the form that the rule names. */
export function check(name: string, value: unknown, [allowed, isAllowed, showable]: Rule): void {
  if (isAllowed(value)) return;
  const isShown = typeof value === "string" && showable?.test(value) && redactText(value) === value;
  const shown = isShown ? JSON.stringify(value) : describeValue(value);
  throw invalidConfiguration(`${name} must be ${allowed}, got ${shown}`);
}

/** A wrong value in JavaScript's own words, and what shells and manifests often leave at the ends of a string. */
function describeValue(value: unknown): string {
  if (typeof value === "string") {
    const [quote] = /^["'`]/.exec(value) ?? [];
    const end = /^\s/.test(value) ? "starts with a blank" : /\s$/.test(value) ? "ends with a blank" : undefined;
    const fault = quote ? `starts with a quote (${quote})` : end;
    return value === "" ? "an empty string" : fault ? `a string that ${fault}` : "a string";
  }
  if (Array.isArray(value)) return value.length === 0 ? "an empty array" : "an array";
  if (typeof value === "function" || typeof value === "symbol") return `a ${typeof value}`;
  return typeof value === "object" && value !== null ? "an object" : String(value);
}

/** Refuses an option that nobody knows: one that is ignored may have been meant to restrict the session. */
export function refuseUnknownOptions(init: object, known: readonly string[]): void {
  const unknown = Object.keys(init).find((name) => !known.includes(name));
  if (unknown === undefined) return;
  const nearest = nearestName(unknown, known);
  throw invalidConfiguration(
    `Unknown option ${JSON.stringify(redactText(unknown))}. ${nearest ? `Did you mean "${nearest}"?` : `Known are ${known.join(", ")}`}`,
  );
}

/** Refuses wrong options, and fills in the defaults that do not come from the environment. */
export function resolveOptions(init: FromGkeWorkloadIdentityInit): ResolvedOptions {
  check("init", init, ["an object of options", isPlainObject]);
  refuseUnknownOptions(init, Object.keys(RULES));
  for (const [name, value] of Object.entries(init))
    if (value !== undefined) check(name, value, RULES[name as keyof typeof RULES]);
  const { webIdentityTokenFile, idTokenProvider, serviceAccountEmail, stsRegions, clientConfig } = init;
  const ofGoogle = idTokenProvider ? "idTokenProvider" : serviceAccountEmail ? "serviceAccountEmail" : undefined;
  if (webIdentityTokenFile !== undefined && ofGoogle !== undefined)
    throw invalidConfiguration(
      `webIdentityTokenFile and ${ofGoogle} exclude each other: the token comes from one place`,
    );
  if (stsRegions !== undefined && clientConfig?.region !== undefined)
    throw invalidConfiguration("stsRegions and clientConfig.region exclude each other: both say where STS is called");
  return {
    ...init,
    audience: init.audience ?? DEFAULT_AUDIENCE,
    serviceAccountEmail: serviceAccountEmail ?? "default",
    timeoutMs: init.timeoutMs ?? DEFAULT_TIMEOUT_MS,
    asksForGoogle: ofGoogle !== undefined,
  };
}
