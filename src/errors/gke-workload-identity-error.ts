import { copyFailure, withoutRepeating } from "../lib/small-cause.js";
import type { GkeWorkloadIdentityErrorCode } from "./error-codes.js";

export type { ErrorDetails, GkeWorkloadIdentityErrorCode, IdentityClaims } from "./error-codes.js";

const NAME = "GkeWorkloadIdentityError";
/** Every copy of this package, ESM or CommonJS, marks its errors with this symbol. */
const BRAND = Symbol.for("gke-aws-credentials.GkeWorkloadIdentityError");

/** What an error says of itself. All of it is safe to print. */
export interface ErrorTexts {
  readonly message: string;
  readonly hint: string;
  readonly retryable: boolean;
  readonly tryNextLink: boolean;
}

/**
 * The only error that a provider of this package throws.
 *
 * `message` says what happened and where to read how to fix it, {@link hint} what to do, {@link code} is for programs.
 * `cause` is a small copy of the original failure: its name, code, HTTP status and text. None of them holds a token, a
 * secret key or a session token.
 *
 * @example
 * ```ts
 * import { fromGkeWorkloadIdentity, isGkeWorkloadIdentityError } from "gke-aws-credentials";
 *
 * const provider = fromGkeWorkloadIdentity();
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
  constructor(code: GkeWorkloadIdentityErrorCode, texts: ErrorTexts, options?: ErrorOptions) {
    super(texts.message);
    this.code = code;
    this.hint = texts.hint;
    this.retryable = texts.retryable;
    this.tryNextLink = texts.tryNextLink;
    if (options?.cause !== undefined) {
      const cause = withoutRepeating(copyFailure(options.cause), this.message);
      Object.defineProperty(this, "cause", { value: cause, configurable: true, writable: true });
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
 * import { isGkeWorkloadIdentityError } from "gke-aws-credentials";
 *
 * export const isWorthAnotherTry = (error: unknown): boolean => isGkeWorkloadIdentityError(error) && error.retryable;
 * ```
 */
export function isGkeWorkloadIdentityError(value: unknown): value is GkeWorkloadIdentityError {
  return typeof value === "object" && value !== null && BRAND in value;
}
