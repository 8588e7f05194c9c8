import { invalidConfiguration } from "../errors/invalid-configuration.js";
import { isServiceAccountEmail } from "../errors/safe-details.js";
import { ownValue } from "../lib/own-value.js";
import { redactText } from "../lib/redact-text.js";
import { parseRoleArn } from "../lib/role-arn.js";
import { describeValue } from "../lib/show-value.js";
import {
  MAX_DURATION_SECONDS,
  MAX_POLICY_ARNS,
  MAX_POLICY_CHARACTERS,
  MIN_DURATION_SECONDS,
  SESSION_NAME,
} from "../lib/sts-limits.js";
import type { FromGkeWorkloadIdentityInit } from "./options.js";

/** What is allowed; and the form of a wrong value that may be shown, where such a value is never a secret. */
export type Rule = readonly [allowed: string, isAllowed: (value: unknown) => boolean, showable?: RegExp];

const POLICY_ARN = /^arn:[a-z0-9-]+:iam::(?:aws|\d{12}|):policy\/[\x21-\x7e]+$/;
const REGION = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
/** Something like an ARN: a wrong one may be shown. */
const ARN_LIKE = /^arn:[\w-]{0,20}:[\w-]{0,20}:[\w-]{0,20}:\d{0,20}:[\w+=,.@/ -]{0,200}$/;
const REGION_LIKE = /^["'\s]{0,4}[a-z]{2,4}(?:[-_ ][a-z0-9]{1,12}){1,4}["'\s]{0,4}$/i;
/** In capitals too: a part of a host name, which is what the SDK accepts. */
const REGION_IN_ANY_CASE = new RegExp(REGION.source, "i");
const NUMBER_LIKE = /^-?\d{1,12}$/;
const MAX_TIMEOUT_MS = 3_600_000;
/** In the last minute of a session, requests wait for a refresh: the window for a refresh in the background is longer. */
const MIN_REFRESH_AHEAD_SECONDS = 120;

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null;
const isPlainObject = (value: unknown): boolean => isObject(value) && !Array.isArray(value);
const isFunction = (value: unknown): boolean => typeof value === "function";
const hasMethod = (value: unknown, method: string): boolean =>
  (isObject(value) || typeof value === "function") && typeof Reflect.get(value, method) === "function";
const matches = (pattern: RegExp) => (value: unknown) => typeof value === "string" && pattern.test(value);
const isWholeFrom =
  (least: number, most: number) =>
  (value: unknown): boolean =>
    Number.isInteger(value) && (value as number) >= least && (value as number) <= most;
const isListOf =
  (most: number, isAllowed: (value: unknown) => boolean) =>
  (value: unknown): boolean =>
    Array.isArray(value) && value.length > 0 && value.length <= most && value.every(isAllowed);

function isPolicyDocument(value: unknown): boolean {
  if (typeof value !== "string" || value.length > MAX_POLICY_CHARACTERS) return false;
  try {
    return isPlainObject(JSON.parse(value));
  } catch {
    return false;
  }
}

const roleArn: Rule = [
  "the ARN of an IAM role, such as arn:aws:iam::123456789012:role/NAME",
  (value) => parseRoleArn(value) !== undefined,
  ARN_LIKE,
];
const roleSessionName: Rule = ["2 to 64 characters of [A-Za-z0-9_+=,.@-]", matches(SESSION_NAME)];

const region: Rule = ["the name of an AWS region, such as ap-northeast-2", matches(REGION_IN_ANY_CASE), REGION_LIKE];

const audience: Rule = [
  "a text that is not empty",
  (value) => typeof value === "string" && value.trim() !== "" && value.isWellFormed(),
];

const RULES: { readonly [option in keyof Required<FromGkeWorkloadIdentityInit>]: Rule } = {
  roleArn,
  roleSessionName,
  audience,
  durationSeconds: [
    `a whole number of seconds from ${MIN_DURATION_SECONDS} to ${MAX_DURATION_SECONDS}`,
    isWholeFrom(MIN_DURATION_SECONDS, MAX_DURATION_SECONDS),
    NUMBER_LIKE,
  ],
  policy: [`an IAM policy document in JSON of at most ${MAX_POLICY_CHARACTERS} characters`, isPolicyDocument],
  policyArns: [
    `a list of 1 to ${MAX_POLICY_ARNS} objects { arn } with the ARN of an IAM policy`,
    isListOf(MAX_POLICY_ARNS, (item) => isObject(item) && matches(POLICY_ARN)(Reflect.get(item, "arn"))),
  ],
  serviceAccountEmail: [
    '"default" or the email of a Google service account',
    (value) => value === "default" || isServiceAccountEmail(value),
  ],
  idTokenProvider: ["an object with the method fetchIdToken(audience)", (value) => hasMethod(value, "fetchIdToken")],
  webIdentityTokenFile: ["the path of a file", matches(/^[^\0]+$/)],
  clientConfig: ["an STSClientConfig object", isPlainObject],
  clientPlugins: [
    "a list of STS client plugins, each with the method applyToStack",
    (value) => Array.isArray(value) && value.every((item) => hasMethod(item, "applyToStack")),
  ],
  roleAssumerWithWebIdentity: ["a function", isFunction],
  logger: [
    "a logger with the methods debug, info, warn and error",
    (value) => ["debug", "info", "warn", "error"].every((method) => hasMethod(value, method)),
  ],
  stsRegions: [
    'a list of different names of AWS regions, at least one, such as ["eu-central-1"]',
    (value) => isListOf(64, matches(REGION))(value) && new Set(value as string[]).size === (value as string[]).length,
    REGION_LIKE,
  ],
  timeoutMs: [
    `a whole number of milliseconds from 1 to ${MAX_TIMEOUT_MS}`,
    isWholeFrom(1, MAX_TIMEOUT_MS),
    NUMBER_LIKE,
  ],
  refreshAheadSeconds: [
    `a whole number of seconds from ${MIN_REFRESH_AHEAD_SECONDS} to ${MAX_DURATION_SECONDS}`,
    isWholeFrom(MIN_REFRESH_AHEAD_SECONDS, MAX_DURATION_SECONDS),
    NUMBER_LIKE,
  ],
  keepFresh: ["true or false", (value) => typeof value === "boolean"],
  onEvent: ["a function", isFunction],
};

/** The value itself only where it cannot be a secret: see {@link Rule}. */
function show(value: unknown, showable: RegExp | undefined): string {
  if (typeof value === "string" && showable?.test(value) && redactText(value) === value) return JSON.stringify(value);
  return describeValue(value);
}

/**
 * Refuses a wrong value by its name, its type and what is allowed. The value may be a secret in the wrong place.
 *
 * @throws GkeWorkloadIdentityError `INVALID_CONFIGURATION`
 */
export function check(name: string, value: unknown, [allowed, isAllowed, showable]: Rule): void {
  if (isAllowed(value)) return;
  throw invalidConfiguration({
    reason: `${name} is ${show(value, showable)}, but must be ${allowed}.`,
  });
}

export const validateRoleArn = (name: string, value: unknown): void => check(name, value, roleArn);

export const validateAudience = (name: string, value: unknown): void => check(name, value, audience);

export const validateRegion = (name: string, value: unknown): void => check(name, value, region);

export const validateRoleSessionName = (name: string, value: unknown): void => check(name, value, roleSessionName);

/** The names of all options. */
export const OPTION_NAMES = Object.keys(RULES) as readonly (keyof typeof RULES)[];

/**
 * Refuses a wrong option by its name, its type and what is allowed, and options that exclude each other.
 *
 * @throws GkeWorkloadIdentityError `INVALID_CONFIGURATION`
 */
export function validateInit(init: FromGkeWorkloadIdentityInit): void {
  check("init", init, ["an object of options", isPlainObject]);
  for (const [name, value] of Object.entries(init)) {
    if (value !== undefined && Object.hasOwn(RULES, name)) check(name, value, RULES[name as keyof typeof RULES]);
  }
  const region = ownValue(ownValue(init, "clientConfig"), "region");
  if (region === undefined || ownValue(init, "stsRegions") === undefined) return;
  throw invalidConfiguration({
    reason:
      "stsRegions and clientConfig.region are both given, but each says where STS is called: leave one of them out.",
  });
}
