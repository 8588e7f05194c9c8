import { type AwsSession, GkeWorkloadIdentityError } from "../index.js";

/** An answer of the credentials server. */
export interface Reply {
  readonly status: number;
  readonly body: object;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Both spellings: the SDKs read `Code` and `Message`, HTTP APIs have `code` and `message`. */
export const refuse = (status: number, code: string, message: string, headers: Reply["headers"] = {}): Reply => ({
  status,
  body: { code, message, Code: code, Message: message },
  headers,
});

/** Errors that pass by themselves are 503, for the SDKs to try again; a refusal is 4xx, and final. */
export function refuseWith(error: unknown): Reply {
  if (!(error instanceof GkeWorkloadIdentityError)) return refuse(500, "InternalError", "see the server's own log");
  const isForbidden = error.code === "STS_ACCESS_DENIED" || error.code === "GOOGLE_PERMISSION_DENIED";
  return refuse(error.retryable ? 503 : isForbidden ? 403 : 400, error.code, `${error.message}\n${error.hint}`);
}

/** The document of the container credentials protocol: `Token`, not `SessionToken`. */
export const toDocument = (session: AwsSession): object => ({
  AccessKeyId: session.accessKeyId,
  SecretAccessKey: session.secretAccessKey,
  Token: session.sessionToken,
  Expiration: session.expiration.toISOString(),
  AccountId: session.accountId,
});
