import { constants, promises as fs } from "node:fs";
import { createError } from "../errors/create-error.js";
import { GkeWorkloadIdentityError, type GkeWorkloadIdentityErrorCode } from "../errors/error.js";
import { type Deadline, retry, withTimeout } from "../lib/time.js";
import { type IdTokenClaims, judgeToken, type TokenProblem, type WebIdentityToken } from "./check-token.js";

const MAX_BYTES = 65_536;
/** A read that takes longer hangs: a network file system that does not answer. */
const READ_MS = 5_000;
/** A file that is just being replaced is whole again after this. */
const REPLACE_MS = 250;
/** What a file may show while it is replaced: nothing, or a part of a token. */
const PASSING: ReadonlySet<GkeWorkloadIdentityErrorCode> = new Set([
  "WEB_IDENTITY_TOKEN_FILE_MISSING",
  "WEB_IDENTITY_TOKEN_FILE_INVALID",
]);

/** Which file, as far as the options say it. */
export interface TokenFileInit {
  readonly webIdentityTokenFile?: string | undefined;
  /** Whether an option names a source of Google ID tokens: `idTokenProvider` or `serviceAccountEmail`. */
  readonly asksForGoogle?: boolean | undefined;
}

/**
 * The file that the token comes from: the option, else the variable that every AWS SDK reads. Where an option asks for a
 * Google ID token, the variable does not count.
 */
export const findTokenFile = ({ webIdentityTokenFile, asksForGoogle }: TokenFileInit): string | undefined =>
  webIdentityTokenFile ?? (asksForGoogle ? undefined : process.env.AWS_WEB_IDENTITY_TOKEN_FILE || undefined);

/**
 * Reads the token from the file, whole, and checks it. A file that is not there, or holds no token, is read once more: it
 * may just be being replaced. A failure of this machine, such as too many open files, is tried until the deadline.
 *
 * @throws GkeWorkloadIdentityError `WEB_IDENTITY_TOKEN_FILE_MISSING`, `_UNREADABLE`, `_INVALID` or `_EXPIRED`
 */
export function readTokenFile(file: string, audience: string, deadline: Deadline): Promise<WebIdentityToken> {
  let isReadAgain = false;
  return retry(() => readOnce(file, audience, deadline), {
    deadline,
    isRetryable: (error) => {
      if (!(error instanceof GkeWorkloadIdentityError)) return false;
      if (error.code === "WEB_IDENTITY_TOKEN_FILE_UNREADABLE") return error.retryable;
      const isFirst = !isReadAgain;
      isReadAgain = true;
      return isFirst && PASSING.has(error.code);
    },
    retryAfterMs: () => REPLACE_MS,
    firstMs: 50,
    maxMs: 2_000,
  });
}

async function readOnce(tokenFile: string, audience: string, deadline: Deadline): Promise<WebIdentityToken> {
  const ms = Math.min(READ_MS, deadline.remaining());
  const text = await withTimeout(
    ms,
    () => readText(tokenFile),
    () => new Unreadable(`reading it took longer than ${Math.round(ms)} ms`),
  ).catch((error: unknown) => {
    throw toReadFailure(error, tokenFile, audience);
  });
  const problem = text.trim() === "" ? EMPTY : problemOf(judgeToken(text, audience));
  if (!("kind" in problem)) return problem;
  const { kind, reason, claims } = problem;
  const code = kind === "expired" ? "WEB_IDENTITY_TOKEN_FILE_EXPIRED" : "WEB_IDENTITY_TOKEN_FILE_INVALID";
  throw createError(code, { tokenFile, audience, claims, reason });
}

const EMPTY: TokenProblem = { kind: "malformed", reason: "it is empty" };

/** The token that Kubernetes mounts by itself opens the cluster's API, for a year: it must not leave the cluster. */
function problemOf(judged: WebIdentityToken | TokenProblem): WebIdentityToken | TokenProblem {
  if (!isApiToken(judged.claims)) return judged;
  const reason = "it is the pod's token for the Kubernetes API, which is not sent to AWS";
  return { kind: "audience", reason, claims: judged.claims };
}

/** Its audience is the issuer itself, or the API server's name in the cluster. */
function isApiToken(claims: IdTokenClaims | undefined): claims is IdTokenClaims {
  if (!claims?.sub?.startsWith("system:serviceaccount:")) return false;
  return [claims.aud ?? []]
    .flat()
    .some((audience) => audience === claims.iss || /^(https:\/\/)?kubernetes\.default\.svc(\.|$)/.test(audience));
}

/** A file that is there, and cannot be read. Its message goes behind "it". */
class Unreadable extends Error {}

/** Opens without waiting, so that a pipe nobody writes to does not block, and reads regular files only. */
async function readText(file: string): Promise<string> {
  const handle = await fs.open(file, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  try {
    const stats = await handle.stat();
    if (stats.isDirectory()) throw new Unreadable("it is a directory: name the file in it");
    if (!stats.isFile()) throw new Unreadable("it is not a regular file");
    const chunks: Buffer[] = [];
    for await (const chunk of handle.createReadStream({ end: MAX_BYTES, autoClose: false }))
      chunks.push(chunk as Buffer);
    const content = Buffer.concat(chunks);
    if (content.length > MAX_BYTES) throw new Unreadable(`it has more than ${MAX_BYTES} bytes, so it is no token`);
    return content.toString("utf8");
  } finally {
    await handle.close();
  }
}

/** Failures of this machine that may pass: too many open files, no memory, a disk that does not answer. */
const MACHINE = /^(?:EMFILE|ENFILE|ENOMEM|EIO|EAGAIN|EBUSY|ETIMEDOUT|ESTALE)$/;

function toReadFailure(error: unknown, tokenFile: string, audience: string): GkeWorkloadIdentityError {
  const { code = "", message } = error as NodeJS.ErrnoException;
  if (code === "ENOENT" || code === "ENOTDIR") {
    const reason = "there is no such file";
    return createError("WEB_IDENTITY_TOKEN_FILE_MISSING", { tokenFile, audience, reason }, { cause: error });
  }
  const user = process.getuid === undefined ? "this user" : `the user id ${process.getuid()}`;
  const reason = code === "EACCES" || code === "EPERM" ? `${user} may not read it` : message;
  const details = { tokenFile, audience, reason, retryable: MACHINE.test(code) };
  return createError("WEB_IDENTITY_TOKEN_FILE_UNREADABLE", details, { cause: error });
}
