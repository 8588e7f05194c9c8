import { copyFailure } from "../lib/failure.js";

/** Why there are no credentials. Stable: a code keeps its meaning, so that a `switch` over it is safe. */
export type GkeWorkloadIdentityErrorCode =
  | "NOT_ON_GOOGLE_CLOUD"
  | "MISSING_ROLE_ARN"
  | "INVALID_CONFIGURATION"
  | "METADATA_UNAVAILABLE"
  | "METADATA_TIMEOUT"
  | "NO_GOOGLE_SERVICE_ACCOUNT"
  | "GOOGLE_PERMISSION_DENIED"
  | "INVALID_ID_TOKEN"
  | "WEB_IDENTITY_TOKEN_FILE_MISSING"
  | "WEB_IDENTITY_TOKEN_FILE_UNREADABLE"
  | "WEB_IDENTITY_TOKEN_FILE_INVALID"
  | "WEB_IDENTITY_TOKEN_FILE_EXPIRED"
  | "STS_ACCESS_DENIED"
  | "STS_INVALID_TOKEN"
  | "STS_EXPIRED_TOKEN"
  | "STS_IDP_UNREACHABLE"
  | "STS_REGION_DISABLED"
  | "STS_POLICY_INVALID"
  | "STS_THROTTLED"
  | "STS_UNREACHABLE"
  | "STS_INVALID_RESPONSE";

/** What an error says of itself. All of it is safe to print. */
export type ErrorTexts = Pick<GkeWorkloadIdentityError, "message" | "hint" | "retryable" | "tryNextLink">;

/** Where a process runs on Google Cloud. `cloud-run` is a service, which Cloud Functions are too. */
export type Platform =
  | "kubernetes"
  | "cloud-run"
  | "cloud-run-job"
  | "cloud-run-worker-pool"
  | "app-engine"
  | "compute-engine";

/** The claims of a web identity token that a trust policy can look at; none of them is secret. */
export interface IdentityClaims {
  readonly iss?: string | undefined;
  readonly azp?: string | undefined;
  readonly aud?: string | readonly string[] | undefined;
  readonly sub?: string | undefined;
  readonly email?: string | undefined;
}

/** Real values for an error's message and hint, as far as they are known. Never a token or a key. */
export interface ErrorDetails {
  /** What went wrong: a clause without a full stop, or what the other side said. */
  readonly reason?: string | undefined;
  readonly roleArn?: string | undefined;
  readonly audience?: string | undefined;
  readonly region?: string | undefined;
  /** The host of STS that was called, and the variable or option that named it. */
  readonly host?: string | undefined;
  readonly hostSetBy?: string | undefined;
  readonly serviceAccountEmail?: string | undefined;
  readonly claims?: IdentityClaims | undefined;
  readonly durationSeconds?: number | undefined;
  /** Who gives Google ID tokens. Default: the Google metadata server. */
  readonly tokenSource?: string | undefined;
  readonly tokenFile?: string | undefined;
  readonly projectId?: string | undefined;
  readonly namespace?: string | undefined;
  readonly kubernetesServiceAccount?: string | undefined;
  readonly packageName?: string | undefined;
  /** Variables that name another metadata server, such as `GCE_METADATA_HOST`. */
  readonly metadataVariables?: readonly string[] | undefined;
  /** Where the process runs: a hint for Cloud Run has no `kubectl` in it. Default: what the environment says. */
  readonly platform?: Platform | undefined;
  /** Whether a credential chain may go on, and whether another try may help. Default: what the table says of the code. */
  readonly tryNextLink?: boolean | undefined;
  readonly retryable?: boolean | undefined;
}

const NAME = "GkeWorkloadIdentityError";
const INSPECT = Symbol.for("nodejs.util.inspect.custom");
/** Every copy of this package, ESM or CommonJS, marks its errors with this symbol. */
const BRAND = Symbol.for("gke-aws-credentials.GkeWorkloadIdentityError");

/**
 * The only error that a provider of this package throws.
 *
 * `message` says in one sentence what happened, with {@link code} in brackets at its end. {@link hint} says what to do.
 * `cause` is a small copy of the SDK's or Google's own error: its name, code, HTTP status and message. None of them holds a
 * token, a secret key or a session token.
 */
export class GkeWorkloadIdentityError extends Error {
  /** `GkeWorkloadIdentityError`. */
  declare readonly name: string;
  /** Which failure this is. */
  readonly code: GkeWorkloadIdentityErrorCode;
  /** What to check, likeliest first, each with its command on a line of its own. Empty where `message` says it all. */
  readonly hint: string;
  /** True where the same call may succeed a moment later: a time-out, throttling, a server that fails. */
  declare readonly retryable: boolean;
  /** True where a credential chain may go on to its next provider: not on Google Cloud, or not surely. */
  declare readonly tryNextLink: boolean;

  /** @internal This package alone makes errors. */
  constructor(code: GkeWorkloadIdentityErrorCode, texts: ErrorTexts, options?: ErrorOptions) {
    super(texts.message);
    this.code = code;
    this.hint = texts.hint;
    // Not enumerable: what `console.error` and loggers print beside the message is the code and the hint.
    define(this, "retryable", texts.retryable);
    define(this, "tryNextLink", texts.tryNextLink);
    define(this, "stack", shortStack(this.stack));
    define(this, BRAND, true);
    if (options?.cause !== undefined) define(this, "cause", copyFailure(options.cause));
  }

  /** For `JSON.stringify`, which leaves out what an `Error` inherits. */
  toJSON(): Readonly<Record<"name" | "code" | "message" | "hint", string>> {
    return { name: this.name, code: this.code, message: this.message, hint: this.hint };
  }

  /** What `console.error` prints: the commands of the hint in lines that can be copied. */
  [INSPECT](_: number, options: object, inspect: (...values: object[]) => string): string {
    const { hint, ...rest } = { ...this, ...(this.cause !== undefined && { cause: this.cause }) };
    return [this.stack, hint, inspect(rest, options)].filter(Boolean).join("\n");
  }

  /** Holds across the ESM and the CommonJS copy of this package. */
  static override [Symbol.hasInstance](this: unknown, value: unknown): boolean {
    // biome-ignore lint/complexity/noThisInStatic: a subclass inherits this method, and keeps the language's own rule.
    return this === GkeWorkloadIdentityError ? isGkeWorkloadIdentityError(value) : super[Symbol.hasInstance](value);
  }
}

const define = (error: object, key: string | symbol, value: unknown): unknown =>
  Object.defineProperty(error, key, { value, configurable: true, writable: true });

/** Without the frames of this package and of Node: the one that is kept, if there is one, is of the code that called. */
function shortStack(stack = ""): string {
  const frames = stack.match(/\n {4}at .*/g) ?? [];
  const own = /([^( ]*):\d+:\d+\)?$/.exec(frames[0] ?? "")?.[1] ?? "";
  const caller = frames.find((frame) => !frame.includes(own) && !frame.includes("node:"));
  return stack.slice(0, stack.length - frames.join("").length) + (caller ?? "");
}

// On the prototype, so that `stack` begins with it. On the class, for a bundler that shortens class names.
define(GkeWorkloadIdentityError.prototype, "name", NAME);
define(GkeWorkloadIdentityError, "name", NAME);

/**
 * Whether `value` is a {@link GkeWorkloadIdentityError}, also one of another copy of this package: ESM, CommonJS, or a
 * second installed version. `instanceof` gives the same answer.
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

/** Whether the same call may succeed a moment later. */
export const isRetryable = (error: unknown): boolean => isGkeWorkloadIdentityError(error) && error.retryable;

/** An error of this caller's own, equal in text: libraries write on the errors that they are given. */
export function copyError<E>(error: E): E | GkeWorkloadIdentityError {
  if (!(error instanceof GkeWorkloadIdentityError)) return error;
  const copy = new GkeWorkloadIdentityError(error.code, error, { cause: error.cause });
  define(copy, "stack", error.stack);
  return copy;
}
