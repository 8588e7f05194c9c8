import { safeText } from "../lib/safe-text.js";
import type { ErrorDetails, GkeWorkloadIdentityErrorCode } from "./error-codes.js";
import type { ErrorEntry } from "./error-entry.js";
import type { ErrorTexts, GkeWorkloadIdentityError } from "./gke-workload-identity-error.js";
import { platformOf, toSafeDetails } from "./safe-details.js";

const MAX_MESSAGE_BYTES = 2_000;
const MAX_HINT_BYTES = 4_000;
const PAGE = "node_modules/gke-aws-credentials/docs/troubleshooting.md";

const pageOf = (code: GkeWorkloadIdentityErrorCode): string => `${PAGE}#${code.toLowerCase()}`;

/** The end of each message: many readers see nothing but the message. */
const pointerOf = (code: GkeWorkloadIdentityErrorCode): string =>
  ` How to fix it: see the error's hint, or ${pageOf(code)} (${code})`;

function messageOf(code: GkeWorkloadIdentityErrorCode, { message }: ErrorEntry, details: ErrorDetails): string {
  const pointer = pointerOf(code);
  const sentence = safeText(message(details), MAX_MESSAGE_BYTES - pointer.length - 1);
  return `${sentence}${/[.!?\u2026]$/.test(sentence) ? "" : "."}${pointer}`;
}

/** Prose, the commands on lines of their own, and where to read more: a page in this package. */
function hintOf(code: GkeWorkloadIdentityErrorCode, { hint, commands }: ErrorEntry, details: ErrorDetails): string {
  const lines = (of: ErrorDetails): string =>
    [hint(of), ...(commands?.(of) ?? []).map((command) => `  ${command}`), `More: ${pageOf(code)}`]
      .map((line) => safeText(line))
      .join("\n");
  const whole = lines(details);
  // A command is never cut: what is long in it becomes a placeholder.
  return Buffer.byteLength(whole) <= MAX_HINT_BYTES
    ? whole
    : lines({ ...details, claims: undefined, audience: undefined });
}

/** Fills a row of the table of errors with details, which may be anything: here they become safe to print. */
export function textsOf(code: GkeWorkloadIdentityErrorCode, entry: ErrorEntry, details: ErrorDetails): ErrorTexts {
  const safe = toSafeDetails(details);
  return {
    message: messageOf(code, entry, safe),
    hint: hintOf(code, entry, { ...safe, platform: platformOf(safe, process.env) }),
    retryable: entry.retryable,
    tryNextLink: safe.tryNextLink ?? entry.tryNextLink,
  };
}

/** What happened, without the code and the place of the fix: for a reader who is shown those beside it. */
export const sentenceOf = ({ message, code }: GkeWorkloadIdentityError): string =>
  message.endsWith(pointerOf(code)) ? message.slice(0, -pointerOf(code).length) : message;
