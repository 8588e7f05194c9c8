import { invalidConfiguration } from "../errors/invalid-configuration.js";
import { ownValue } from "../lib/own-value.js";
import { DEFAULT_AUDIENCE, DEFAULT_SERVICE_ACCOUNT, DEFAULT_TIMEOUT_MS } from "./defaults.js";
import { OPTION_NAMES, validateInit } from "./option-rules.js";
import type { FromGkeWorkloadIdentityInit } from "./options.js";

/** What an option's absence means, decided once at construction. */
export interface ResolvedOptions extends FromGkeWorkloadIdentityInit {
  readonly audience: string;
  readonly serviceAccountEmail: string;
  readonly timeoutMs: number;
  /** Whether an option names a source of Google ID tokens: then no variable of the environment names a token file. */
  readonly asksForGoogle: boolean;
}

/** Two sources of the token: one of them is a mistake. */
const EXCLUDED_BY_TOKEN_FILE = ["idTokenProvider", "serviceAccountEmail"] as const;

/**
 * Checks every option and fills in the defaults that do not come from the environment.
 *
 * @throws GkeWorkloadIdentityError `INVALID_CONFIGURATION`, naming the option, the type of its value and what is allowed.
 */
export function resolveOptions(init: FromGkeWorkloadIdentityInit): ResolvedOptions {
  validateInit(init);
  // Each option is an own property of the result, so that nothing on Object.prototype can stand in for one.
  const given: FromGkeWorkloadIdentityInit = Object.fromEntries(
    OPTION_NAMES.map((name) => [name, ownValue(init, name)]),
  );
  const excluded = EXCLUDED_BY_TOKEN_FILE.find((name) => given[name] !== undefined);
  if (excluded !== undefined && given.webIdentityTokenFile !== undefined) {
    throw invalidConfiguration({
      reason: `webIdentityTokenFile and ${excluded} exclude each other: the token comes from one place.`,
    });
  }
  return {
    ...given,
    audience: given.audience ?? DEFAULT_AUDIENCE,
    serviceAccountEmail: given.serviceAccountEmail ?? DEFAULT_SERVICE_ACCOUNT,
    timeoutMs: given.timeoutMs ?? DEFAULT_TIMEOUT_MS,
    asksForGoogle: excluded !== undefined,
  };
}
