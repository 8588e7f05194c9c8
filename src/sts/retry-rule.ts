import { ownValue } from "../lib/own-value.js";
import { check, type Rule } from "../options/option-rules.js";
import type { FromGkeWorkloadIdentityInit } from "../options/options.js";
import { readSdkSetting } from "./sdk-setting.js";

/** Who calls STS again after a failure that passes: this package, unless the user has settings for the SDK's retries. */
export interface RetryRule {
  readonly isOurs: boolean;
  /** For the STS client; undefined if `clientConfig` rules. */
  readonly maxAttempts: number | undefined;
}

const CLIENT_SETTINGS = ["maxAttempts", "retryStrategy", "retryMode"] as const;
const WHOLE_NUMBER: Rule = ["a whole number", (value) => /^\d{1,4}$/.test(String(value))];

/**
 * Looks for the user's retry settings: in `clientConfig`, then `AWS_MAX_ATTEMPTS`, then `max_attempts` of the profile.
 * `AWS_RETRY_MODE` alone changes how the SDK waits, not how often it tries.
 *
 * @throws GkeWorkloadIdentityError `INVALID_CONFIGURATION` if the number is none.
 */
export async function readRetryRule(
  clientConfig: FromGkeWorkloadIdentityInit["clientConfig"],
  profile: string | undefined,
): Promise<RetryRule> {
  const inConfig = readConfiguredRetryRule(clientConfig);
  if (!inConfig.isOurs) return inConfig;
  const text = await readSdkSetting({ variable: "AWS_MAX_ATTEMPTS", profileKey: "max_attempts" }, profile);
  if (text === undefined) return { isOurs: true, maxAttempts: 1 };
  check("AWS_MAX_ATTEMPTS, or max_attempts of the profile,", text, WHOLE_NUMBER);
  return { isOurs: false, maxAttempts: Math.max(1, Number(text)) };
}

/** What `clientConfig` alone says. */
export function readConfiguredRetryRule(clientConfig: FromGkeWorkloadIdentityInit["clientConfig"]): RetryRule {
  const isOurs = CLIENT_SETTINGS.every((name) => ownValue(clientConfig, name) === undefined);
  return { isOurs, maxAttempts: undefined };
}
