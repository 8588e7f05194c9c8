import { createRequire } from "node:module";
import type { CredentialsProviderError as SdkError } from "@smithy/property-provider";
import type { ErrorDetails, GkeWorkloadIdentityErrorCode } from "./error-codes.js";
import { ERRORS, type ErrorEntry } from "./error-table.js";

export type { ErrorDetails, GkeWorkloadIdentityErrorCode, IdentityClaims } from "./error-codes.js";

/** Prose, the commands on lines of their own, and where to read more: a heading of a page in this package. */
const hintOf = (code: GkeWorkloadIdentityErrorCode, { hint, commands }: ErrorEntry, details: ErrorDetails): string =>
  [
    hint(details),
    ...(commands?.(details) ?? []).map((command) => `  ${command}`),
    `More: gke-aws-credentials/docs/troubleshooting.md#${code.toLowerCase()}`,
  ].join("\n");

const BRAND = Symbol.for("gke-aws-credentials.GkeWorkloadIdentityError");
let based = false;

/**
 * Puts the SDK's CredentialsProviderError under ours at the first failure, not at import: loading it costs more than
 * all of this package. In a bundle without node_modules it is not there to load, and Error stays the base.
 */
function standOnCredentialsProviderError(): void {
  if (based) return;
  based = true;
  try {
    const load = createRequire(import.meta.url);
    const base: { CredentialsProviderError: typeof SdkError } = load("@smithy/property-provider");
    Object.setPrototypeOf(GkeWorkloadIdentityError.prototype, base.CredentialsProviderError.prototype);
  } catch {}
}

/** Named after what it becomes. */
const CredentialsProviderError = Error as unknown as typeof SdkError;

/**
 * The only error that a provider of this package throws.
 *
 * `message` says what happened, {@link hint} what to do about it, {@link code} is for programs, and `cause` keeps the
 * original failure. None of them holds a token, a secret key or a session token.
 */
export class GkeWorkloadIdentityError extends CredentialsProviderError {
  /** `GkeWorkloadIdentityError`. */
  override readonly name: string = "GkeWorkloadIdentityError";
  /** Which failure this is. */
  readonly code: GkeWorkloadIdentityErrorCode;
  /** What to do: prose, then the commands to run, each on a line of its own. */
  readonly hint: string;
  /** True only where a credential chain may go on to its next provider: off Google Cloud. */
  override readonly tryNextLink: boolean;

  /** @internal This package alone makes errors. */
  constructor(code: GkeWorkloadIdentityErrorCode, details: ErrorDetails = {}, options?: ErrorOptions) {
    standOnCredentialsProviderError();
    const entry = ERRORS[code];
    super(entry.message(details));
    this.code = code;
    this.hint = hintOf(code, entry, details);
    this.tryNextLink = entry.tryNextLink;
    if (options?.cause !== undefined) {
      Object.defineProperty(this, "cause", { value: options.cause, configurable: true, writable: true });
    }
    Object.defineProperty(this, BRAND, { value: true });
  }

  /** Holds across the ESM and the CommonJS copy of this package. */
  static override [Symbol.hasInstance](this: unknown, value: unknown): boolean {
    // biome-ignore lint/complexity/noThisInStatic: a subclass inherits this, and keeps the language's own rule.
    const isSubclass = this !== GkeWorkloadIdentityError;
    // biome-ignore lint/complexity/noThisInStatic: see above.
    if (isSubclass) return Function.prototype[Symbol.hasInstance].call(this, value);
    return typeof value === "object" && value !== null && BRAND in value;
  }
}

/** Whether the same call may succeed a moment later. */
export const isRetryable = (error: unknown): boolean =>
  error instanceof GkeWorkloadIdentityError && ERRORS[error.code].retryable;
