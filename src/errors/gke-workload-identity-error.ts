import type { ErrorDetails, GkeWorkloadIdentityErrorCode } from "./error-codes.js";
import { ERRORS, type ErrorEntry } from "./error-table.js";

export type { ErrorDetails, GkeWorkloadIdentityErrorCode, IdentityClaims } from "./error-codes.js";

const NAME = "GkeWorkloadIdentityError";
/** Every copy of this package, ESM or CommonJS, marks its errors with this symbol. */
const BRAND = Symbol.for("gke-aws-credentials.GkeWorkloadIdentityError");

/** Prose, the commands on lines of their own, and where to read more: a heading of a page in this package. */
const hintOf = (code: GkeWorkloadIdentityErrorCode, { hint, commands }: ErrorEntry, details: ErrorDetails): string =>
  [
    hint(details),
    ...(commands?.(details) ?? []).map((command) => `  ${command}`),
    `More: gke-aws-credentials/docs/troubleshooting.md#${code.toLowerCase()}`,
  ].join("\n");

/**
 * The only error that a provider of this package throws.
 *
 * `message` says what happened, {@link hint} what to do about it, {@link code} is for programs, and `cause` keeps the
 * original failure. None of them holds a token, a secret key or a session token.
 *
 * @example
 * ```ts
 * try {
 *   await provider();
 * } catch (error) {
 *   if (isGkeWorkloadIdentityError(error)) console.error(error.code, error.hint);
 * }
 * ```
 */
export class GkeWorkloadIdentityError extends Error {
  /** `GkeWorkloadIdentityError`. */
  declare readonly name: string;
  /** Which failure this is. */
  readonly code: GkeWorkloadIdentityErrorCode;
  /** What to do: prose, then the commands to run, each on a line of its own. */
  readonly hint: string;
  /** True where the same call may succeed a moment later: a time-out, throttling, a server that fails. */
  readonly retryable: boolean;
  /** True where a credential chain may go on to its next provider: not on Google Cloud, or not surely. */
  readonly tryNextLink: boolean;

  /** @internal This package alone makes errors. */
  constructor(code: GkeWorkloadIdentityErrorCode, details: ErrorDetails = {}, options?: ErrorOptions) {
    const entry = ERRORS[code];
    super(entry.message(details));
    this.code = code;
    this.hint = hintOf(code, entry, details);
    this.retryable = entry.retryable;
    this.tryNextLink = details.tryNextLink ?? entry.tryNextLink;
    if (options?.cause !== undefined) {
      Object.defineProperty(this, "cause", { value: options.cause, configurable: true, writable: true });
    }
    Object.defineProperty(this, BRAND, { value: true });
  }

  /** Holds across the ESM and the CommonJS copy of this package. */
  static override [Symbol.hasInstance](this: unknown, value: unknown): boolean {
    // biome-ignore lint/complexity/noThisInStatic: a subclass inherits this method.
    return isInstance(this, value);
  }
}

// On the prototype, so that `stack` begins with it. On the class, for a bundler that shortens class names.
Object.defineProperty(GkeWorkloadIdentityError.prototype, "name", { value: NAME, configurable: true, writable: true });
Object.defineProperty(GkeWorkloadIdentityError, "name", { value: NAME, configurable: true });

/** Outside the class: esbuild renames a class that uses its own name inside. A subclass keeps the language's own rule. */
function isInstance(type: unknown, value: unknown): boolean {
  if (type === GkeWorkloadIdentityError) return isGkeWorkloadIdentityError(value);
  return Function.prototype[Symbol.hasInstance].call(type, value);
}

/**
 * Whether `value` is a {@link GkeWorkloadIdentityError}, also one that another copy of this package threw: the ESM copy,
 * the CommonJS copy, or a second installed version. It tells TypeScript so. `instanceof` gives the same answer.
 *
 * @example
 * ```ts
 * if (isGkeWorkloadIdentityError(error) && error.retryable) await tryAgainLater();
 * ```
 */
export function isGkeWorkloadIdentityError(value: unknown): value is GkeWorkloadIdentityError {
  return typeof value === "object" && value !== null && BRAND in value;
}

/** Whether the same call may succeed a moment later. */
export const isRetryable = (error: unknown): boolean => isGkeWorkloadIdentityError(error) && error.retryable;
