import type { Logger } from "@smithy/types";

const REPLACEMENT = "[redacted]";
const MAX_DEPTH = 5;
const JWT = /eyJ[\w-]+\.[\w-]+\.[\w-]*/g;

/** Takes JWTs, and the given secrets, out of a text that is to be shown. */
export function redactText(text: string, secrets: readonly string[] = []): string {
  let shown = text.replace(JWT, REPLACEMENT);
  for (const secret of secrets) if (secret.length > 0) shown = shown.replaceAll(secret, REPLACEMENT);
  return shown;
}

const isEmitter = (value: object): boolean => "emit" in value && typeof value.emit === "function";

/**
 * Makes a foreign error fit to be shown as a `cause`: the same object, with JWTs and the given secrets taken out of every
 * text it holds, since `util.inspect` and most loggers print a cause with all its properties.
 */
export function redactError<E>(error: E, secrets: readonly string[] = [], depth = 0): E {
  // Sockets, streams and requests hang from some errors: they are not shown, and not ours to change.
  if (typeof error !== "object" || error === null || depth > MAX_DEPTH || isEmitter(error)) return error;
  for (const key of Reflect.ownKeys(error)) {
    const property = Object.getOwnPropertyDescriptor(error, key);
    if (!property || !("value" in property)) continue;
    const value: unknown = property.value;
    if (typeof value === "object") redactError(value, secrets, depth + 1);
    if (typeof value !== "string" || !(property.writable || property.configurable)) continue;
    const shown = redactText(value, secrets);
    if (shown !== value) Object.defineProperty(error, key, { ...property, value: shown });
  }
  return error;
}

const SECRET_FIELDS: ReadonlySet<string> = new Set(["WebIdentityToken", "SecretAccessKey", "SessionToken"]);

/**
 * A logger for the SDK's STS client, which logs whole answers: its own filter hides the token that goes in, but not the
 * session token that comes out.
 */
export function redactingLogger(logger: Logger): Logger {
  const log =
    (level: "trace" | "debug" | "info" | "warn" | "error") =>
    (...content: unknown[]): void =>
      logger[level]?.(...content.map((item) => redactCopy(item)));
  return { trace: log("trace"), debug: log("debug"), info: log("info"), warn: log("warn"), error: log("error") };
}

function redactCopy(value: unknown, depth = 0): unknown {
  if (typeof value === "string") return redactText(value);
  if (typeof value !== "object" || value === null || value instanceof Date) return value;
  if (value instanceof Error) return redactText(String(value));
  if (depth > MAX_DEPTH) return REPLACEMENT;
  if (Array.isArray(value)) return value.map((item) => redactCopy(item, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      key,
      SECRET_FIELDS.has(key) ? REPLACEMENT : redactCopy(item, depth + 1),
    ]),
  );
}
