import { GkeWorkloadIdentityError } from "../errors/gke-workload-identity-error.js";
import { DEFAULT_AUDIENCE, DEFAULT_SERVICE_ACCOUNT, DEFAULT_TIMEOUT_MS } from "./defaults.js";
import { validateInit } from "./option-rules.js";
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
 * @throws GkeWorkloadIdentityError `INVALID_CONFIGURATION`, naming the option, its value and what is allowed.
 */
export function resolveOptions(init: FromGkeWorkloadIdentityInit): ResolvedOptions {
  validateInit(init);
  const given = EXCLUDED_BY_TOKEN_FILE.find((name) => init[name] !== undefined);
  if (given !== undefined && init.webIdentityTokenFile !== undefined) {
    throw new GkeWorkloadIdentityError("INVALID_CONFIGURATION", {
      reason: `webIdentityTokenFile and ${given} exclude each other: the token comes from one place.`,
    });
  }
  return {
    ...init,
    audience: init.audience ?? DEFAULT_AUDIENCE,
    serviceAccountEmail: init.serviceAccountEmail ?? DEFAULT_SERVICE_ACCOUNT,
    timeoutMs: init.timeoutMs ?? DEFAULT_TIMEOUT_MS,
    asksForGoogle: given !== undefined,
  };
}
