import { createFaultQueue } from "../lib/faults.js";
import { HTTP_FAULTS } from "../lib/http-faults.js";
import { type Handler, startLoopbackServer, type TestingServer } from "../lib/loopback-server.js";
import { AwsServiceError, errorAnswer } from "./aws-answers.js";
import { createActions } from "./aws-sts-actions.js";
import { type AwsStsFault, answerWithFault } from "./aws-sts-faults.js";
import { type AwsStsOptions, checkOptions } from "./aws-sts-options.js";
import { type AwsCaller, createSessions } from "./aws-sts-sessions.js";
import type { SignedRequest } from "./sigv4.js";

/** One request as the server saw it. The web identity token is left out. */
export interface AwsStsRequest {
  /** STS's action, for example `AssumeRoleWithWebIdentity`. */
  readonly action: string;
  /** The other parameters of the query, decoded. */
  readonly parameters: Readonly<Record<string, string>>;
  /** The region that the client signed for; undefined for unsigned requests such as AssumeRoleWithWebIdentity. */
  readonly signingRegion: string | undefined;
  /** The AWS error code answered; undefined where all was well. */
  readonly error: string | undefined;
}

/** An STS on loopback. `url` is the value for `AWS_ENDPOINT_URL_STS`, or an STS client's `endpoint`. */
export interface AwsSts extends TestingServer<AwsStsFault> {
  /** Every request so far, in order. */
  readonly requests: readonly AwsStsRequest[];
  /** How many sessions were issued. */
  readonly sessionCount: () => number;
  /** The secret access key and session token of every session issued. Look for these in logs, which must hold none. */
  readonly issuedSecrets: () => readonly string[];
  /**
   * Verifies that a request is signed (Signature Version 4) with a live session of this server, in its `Authorization`
   * header or as a presigned URL: for fakes of other AWS services beside it.
   *
   * @throws AwsServiceError with the code and the status that AWS answers.
   */
  readonly authenticate: (request: SignedRequest) => Promise<AwsCaller>;
}

/**
 * Starts an HTTP server on 127.0.0.1 that speaks STS's query protocol. `AssumeRoleWithWebIdentity` takes tokens of Google
 * and of the OIDC providers given, verified by signature, expiry, client ids and the role's trust policy; `AssumeRole` and
 * `GetCallerIdentity` take requests signed with a session that it issued. It answers with STS's own error codes.
 *
 * @example
 * ```ts
 * import { createTrustPolicy } from "gke-aws-credentials";
 * import { startAwsSts, startGoogleMetadataServer } from "gke-aws-credentials/testing";
 *
 * const trustPolicy = createTrustPolicy({ serviceAccountUniqueId: "111035977024964273138" });
 * await using metadata = await startGoogleMetadataServer();
 * await using sts = await startAwsSts({
 *   jwksUri: metadata.jwksUri,
 *   roles: [{ arn: "arn:aws:iam::123456789012:role/reader", trustPolicy }],
 * });
 * process.env.AWS_ENDPOINT_URL_STS = sts.url;
 * ```
 *
 * @throws TypeError for a trust policy with a condition operator other than StringEquals, StringEqualsIgnoreCase and StringLike,
 * an unknown option, or a provider ARN that is none.
 */
export async function startAwsSts(options: AwsStsOptions): Promise<AwsSts> {
  checkOptions(options);
  const sessions = createSessions();
  const requests: AwsStsRequest[] = [];
  const { next, ...faults } = createFaultQueue<AwsStsFault>({
    ...HTTP_FAULTS,
    error: ["code", "message", "status"],
    expiredSession: [],
  });
  const act = createActions(options, sessions);

  const handler: Handler = async (request) => {
    const query = new URL(request.target, server.url).searchParams;
    const parameters = request.method === "POST" ? new URLSearchParams(request.body.toString("utf8")) : query;
    const { Action: action = "", WebIdentityToken: _, ...others } = Object.fromEntries(parameters);
    const [, signingRegion] = /Credential=[^/]+\/\d{8}\/([^/]+)\//.exec(String(request.headers.authorization)) ?? [];
    let error: AwsServiceError | undefined;
    try {
      return await answerWithFault(next(), (expired) => act(request, parameters, expired));
    } catch (failure) {
      error =
        failure instanceof AwsServiceError ? failure : new AwsServiceError("InternalFailure", String(failure), 500);
      return errorAnswer(error);
    } finally {
      requests.push({ action, parameters: others, signingRegion, error: error?.code });
    }
  };

  const server = await startLoopbackServer(handler, options.port);
  return {
    ...server,
    ...faults,
    sessionCount: sessions.count,
    issuedSecrets: sessions.secrets,
    requests,
    authenticate: async (request) => sessions.authenticate(request).caller,
  };
}
