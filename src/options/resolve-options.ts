import { DEFAULT_AUDIENCE, DEFAULT_SERVICE_ACCOUNT, DEFAULT_TIMEOUT_MS } from "./defaults.js";
import { validateInit } from "./option-rules.js";
import type { FromGkeWorkloadIdentityInit } from "./options.js";

/** What an option's absence means, decided once at construction. */
export interface ResolvedOptions extends FromGkeWorkloadIdentityInit {
  readonly audience: string;
  readonly serviceAccountEmail: string;
  readonly timeoutMs: number;
}

/**
 * Checks every option and fills in the defaults that do not come from the environment.
 *
 * @throws GkeWorkloadIdentityError `INVALID_CONFIGURATION`, naming the option, its value and what is allowed.
 */
export function resolveOptions(init: FromGkeWorkloadIdentityInit): ResolvedOptions {
  validateInit(init);
  return {
    ...init,
    audience: init.audience ?? DEFAULT_AUDIENCE,
    serviceAccountEmail: init.serviceAccountEmail ?? DEFAULT_SERVICE_ACCOUNT,
    timeoutMs: init.timeoutMs ?? DEFAULT_TIMEOUT_MS,
  };
}
