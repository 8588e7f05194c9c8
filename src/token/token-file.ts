import { constants, promises as fs } from "node:fs";
import { createError } from "../errors/create-error.js";
import type { ErrorDetails, GkeWorkloadIdentityError } from "../errors/error.js";
import { type Deadline, retry, withTimeout } from "../lib/time.js";
import type { ResolvedOptions } from "../options/options.js";
import { checkToken, type IdTokenClaims, type WebIdentityToken } from "./check-token.js";

const MAX_BYTES = 65_536;
/** A read that takes longer hangs: a network file system that does not answer. */
const READ_MS = 5_000;
/** A file that is just being replaced is whole again after this. */
const REPLACE_MS = 250;
/** Failures of this machine that may pass: too many open files, no memory, a disk that does not answer. */
const MACHINE = /^(?:EMFILE|ENFILE|ENOMEM|EIO|EAGAIN|EBUSY|ETIMEDOUT|ESTALE)$/;

/** The file that the token comes from: the option, else the variable that every AWS SDK reads. */
export const findTokenFile = (options: Partial<ResolvedOptions>): string | undefined =>
  options.webIdentityTokenFile ??
  (options.asksForGoogle ? undefined : process.env.AWS_WEB_IDENTITY_TOKEN_FILE || undefined);

/**
 * Reads the token from the file, whole, and checks it. A file that is not there, or holds no token, is read once more: it
 * may just be being replaced. A failure of this machine, such as too many open files, is tried until the deadline.
 */
export function readTokenFile(file: string, audience: string, deadline: Deadline): Promise<WebIdentityToken> {
  let isReadAgain = false;
  return retry(() => readOnce(file, audience, deadline), {
    deadline,
    isRetryable: (error) => {
      const { code, retryable } = error as GkeWorkloadIdentityError;
      if (code === "WEB_IDENTITY_TOKEN_FILE_UNREADABLE") return retryable;
      const isFirst = !isReadAgain;
      isReadAgain = true;
      return isFirst && code !== "WEB_IDENTITY_TOKEN_FILE_EXPIRED";
    },
    retryAfterMs: () => REPLACE_MS,
    firstMs: 50,
    maxMs: 2_000,
  });
}

async function readOnce(tokenFile: string, audience: string, deadline: Deadline): Promise<WebIdentityToken> {
  const ms = Math.min(READ_MS, deadline.remaining());
  const hangs = (): Error =>
    Object.assign(new Error(`reading it took longer than ${Math.round(ms)} ms`), { code: "ETIMEDOUT" });
  const text = await withTimeout(ms, () => readText(tokenFile), hangs).catch((error: unknown) => {
    throw toReadFailure(error, { tokenFile, audience });
  });
  const checked = checkToken(text, audience);
  const refused = (code: "INVALID" | "EXPIRED", reason: string): Error =>
    createError(`WEB_IDENTITY_TOKEN_FILE_${code}`, { tokenFile, audience, reason });
  // The token that Kubernetes mounts by itself opens the cluster's API, for a year: it must not leave the cluster.
  if (isApiToken(checked.claims))
    throw refused("INVALID", "it is the pod's token for the Kubernetes API, which is not sent to AWS");
  if ("token" in checked) return checked;
  throw refused(checked.isExpired ? "EXPIRED" : "INVALID", text.trim() === "" ? "it is empty" : checked.reason);
}

/** Its audience is the issuer itself, or the API server's name in the cluster. */
const isApiToken = ({ iss, sub, aud = [] }: IdTokenClaims = {}): boolean =>
  sub?.startsWith("system:serviceaccount:") === true &&
  [aud].flat().some((name) => name === iss || /^(https:\/\/)?kubernetes\.default\.svc(\.|$)/.test(name));

/** Opens without waiting, so that a pipe nobody writes to does not block, and reads regular files only. */
async function readText(file: string): Promise<string> {
  const handle = await fs.open(file, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  try {
    const stats = await handle.stat();
    if (stats.isDirectory()) throw new Error("it is a directory: name the file in it");
    if (!stats.isFile()) throw new Error("it is not a regular file");
    const chunks: Uint8Array[] = [];
    for await (const chunk of handle.createReadStream({ end: MAX_BYTES, autoClose: false })) chunks.push(chunk);
    const content = Buffer.concat(chunks);
    if (content.length > MAX_BYTES) throw new Error(`it has more than ${MAX_BYTES} bytes, so it is no token`);
    return content.toString("utf8");
  } finally {
    await handle.close();
  }
}

function toReadFailure(cause: unknown, details: ErrorDetails): GkeWorkloadIdentityError {
  const { code = "", message } = cause as NodeJS.ErrnoException;
  if (code === "ENOENT" || code === "ENOTDIR")
    return createError("WEB_IDENTITY_TOKEN_FILE_MISSING", { ...details, reason: "there is no such file" }, { cause });
  const user = process.getuid === undefined ? "this user" : `the user id ${process.getuid()}`;
  const reason = code === "EACCES" || code === "EPERM" ? `${user} may not read it` : message;
  const retryable = MACHINE.test(code);
  return createError("WEB_IDENTITY_TOKEN_FILE_UNREADABLE", { ...details, reason, retryable }, { cause });
}
