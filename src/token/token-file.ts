import { createError } from "../errors/create-error.js";
import { GkeWorkloadIdentityError, type GkeWorkloadIdentityErrorCode } from "../errors/gke-workload-identity-error.js";
import { type Deadline, sleep, withTimeout } from "../lib/deadline.js";
import type { IdTokenClaims } from "../lib/id-token-claims.js";
import { judgeToken, type TokenProblem, type WebIdentityToken } from "./check-token.js";

const MAX_BYTES = 65_536;
/** A read that takes longer hangs: a network file system that does not answer. */
const READ_MS = 5_000;
/** A file that is just being replaced is whole again after this. */
const RETRY_AFTER_MS = 250;

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
 * may just be being replaced.
 *
 * @throws GkeWorkloadIdentityError `WEB_IDENTITY_TOKEN_FILE_MISSING`, `_UNREADABLE`, `_INVALID` or `_EXPIRED`
 */
export async function readTokenFile(file: string, audience: string, deadline: Deadline): Promise<WebIdentityToken> {
  try {
    return await readOnce(file, audience, deadline);
  } catch (error) {
    const mayPass = error instanceof GkeWorkloadIdentityError && PASSING.has(error.code);
    if (!mayPass || deadline.remaining() <= RETRY_AFTER_MS) throw error;
  }
  await sleep(RETRY_AFTER_MS);
  return readOnce(file, audience, deadline);
}

async function readOnce(tokenFile: string, audience: string, deadline: Deadline): Promise<WebIdentityToken> {
  const ms = Math.min(READ_MS, deadline.remaining());
  const text = await withTimeout(
    ms,
    () => readText(tokenFile),
    () => new Unreadable(`reading it took longer than ${Math.round(ms)} ms.`),
  ).catch((error: unknown) => {
    throw toReadFailure(error, tokenFile, audience);
  });
  const problem = text.trim() === "" ? EMPTY : problemOf(judgeToken(text, audience));
  if (!("kind" in problem)) return problem;
  const { kind, reason, claims } = problem;
  const code = kind === "expired" ? "WEB_IDENTITY_TOKEN_FILE_EXPIRED" : "WEB_IDENTITY_TOKEN_FILE_INVALID";
  throw createError(code, { tokenFile, audience, claims, reason });
}

const EMPTY: TokenProblem = { kind: "malformed", reason: "it is empty." };

/** The token that Kubernetes mounts by itself opens the cluster's API, for a year: it must not leave the cluster. */
function problemOf(judged: WebIdentityToken | TokenProblem): WebIdentityToken | TokenProblem {
  if (!isApiToken(judged.claims)) return judged;
  const reason = "it is the pod's token for the Kubernetes API, which is not sent to AWS.";
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
  // Not at the top: loading it takes a tenth of what importing this package does.
  const { constants, open } = await import("node:fs/promises");
  const handle = await open(file, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  try {
    const stats = await handle.stat();
    if (stats.isDirectory()) throw new Unreadable("it is a directory: name the file in it.");
    if (!stats.isFile()) throw new Unreadable("it is not a regular file.");
    const chunks: Buffer[] = [];
    for await (const chunk of handle.createReadStream({ end: MAX_BYTES, autoClose: false }))
      chunks.push(chunk as Buffer);
    const content = Buffer.concat(chunks);
    if (content.length > MAX_BYTES) throw new Unreadable(`it has more than ${MAX_BYTES} bytes, so it is no token.`);
    return content.toString("utf8");
  } finally {
    await handle.close();
  }
}

function toReadFailure(error: unknown, tokenFile: string, audience: string): GkeWorkloadIdentityError {
  const { code, message } = error as NodeJS.ErrnoException;
  const failed = (which: GkeWorkloadIdentityErrorCode, reason: string): GkeWorkloadIdentityError =>
    createError(which, { tokenFile, audience, reason }, { cause: error });
  if (error instanceof Unreadable) return failed("WEB_IDENTITY_TOKEN_FILE_UNREADABLE", message);
  if (code === "ENOENT" || code === "ENOTDIR")
    return failed("WEB_IDENTITY_TOKEN_FILE_MISSING", "there is no such file.");
  if (code !== "EACCES" && code !== "EPERM") return failed("WEB_IDENTITY_TOKEN_FILE_UNREADABLE", message);
  const user = process.getuid === undefined ? "this user" : `the user id ${process.getuid()}`;
  return failed("WEB_IDENTITY_TOKEN_FILE_UNREADABLE", `${user} may not read it.`);
}
