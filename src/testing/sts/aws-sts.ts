import { createFaultQueue, type FaultOptions } from "../lib/faults.js";
import { type Handler, startLoopbackServer } from "../lib/loopback-server.js";
import {
  type AssumeRoleParameters,
  readAssumeRole,
  readWebIdentityToken,
  validationError,
} from "./assume-role-parameters.js";
import { AwsServiceError } from "./aws-error.js";
import { type AwsStsFault, answerWithFault, stsAnswer } from "./aws-sts-faults.js";
import { type AwsCaller, createSessions, type Session, sessionElements } from "./aws-sts-sessions.js";
import type { SignedRequest } from "./sigv4.js";
import {
  isTrusted,
  isTrustedCaller,
  requireKnownOperators,
  type TrustPolicyDocument,
} from "./trust-policy-evaluation.js";
import { GOOGLE_PROVIDER, verifyWebIdentityToken } from "./web-identity-token.js";
import { errorXml, resultXml, type XmlElements } from "./xml.js";

/** A role that the server knows. */
export interface AwsStsRole {
  /** For example `arn:aws:iam::123456789012:role/reader`. */
  readonly arn: string;
  /** Who may assume it, for example what `createTrustPolicy` makes. */
  readonly trustPolicy: TrustPolicyDocument;
  /** The role's MaxSessionDuration in seconds. Default: 3600. */
  readonly maxSessionDuration?: number | undefined;
}

/** Options of {@link startAwsSts}. */
export interface AwsStsOptions {
  /** Where Google's public keys are: `jwksUri` of the metadata server. */
  readonly jwksUri: string;
  /** The roles that there are. Others are refused as AWS refuses them. */
  readonly roles: readonly AwsStsRole[];
  /** The port on 127.0.0.1. Default: a free one. */
  readonly port?: number | undefined;
  /** Makes each session this long, whatever was asked, in seconds: to see sessions end without waiting. Default: none. */
  readonly sessionSeconds?: number | undefined;
}

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

/** An STS on loopback. Close it with `close()` or `await using`. */
export interface AwsSts extends AsyncDisposable {
  /** The value for `AWS_ENDPOINT_URL_STS`, or an STS client's `endpoint`. */
  readonly url: string;
  /** Every request so far, in order. */
  readonly requests: readonly AwsStsRequest[];
  /** How many sessions were issued. */
  readonly sessionCount: () => number;
  /** The secret access key and session token of every session issued: what a test looks for in logs that must hold none. */
  readonly issuedSecrets: () => readonly string[];
  /**
   * Verifies that a request is signed (Signature Version 4) with a live session of this server: for fakes of other AWS
   * services beside it.
   *
   * @throws AwsServiceError with the code and the status that AWS answers.
   */
  readonly authenticate: (request: SignedRequest) => Promise<AwsCaller>;
  /** Makes requests go wrong, from the next one on. Faults strike in the order in which they were injected. */
  readonly injectFault: (fault: AwsStsFault, options?: FaultOptions) => void;
  /** Ends all faults. */
  readonly clearFaults: () => void;
  /** Connections open now: what a caller left behind shows here. */
  readonly openConnections: () => number;
  /** Refuse connections until `acceptConnections`. */
  readonly refuseConnections: () => Promise<void>;
  /** Ends `refuseConnections`. */
  readonly acceptConnections: () => Promise<void>;
  /** Stops the server and ends its connections. */
  readonly close: () => Promise<void>;
}

const VERSION = "2011-06-15";
/** Roles assumed by another role's session (AWS IAM user guide, role chaining). */
const CHAINED_SESSION_LIMIT_S = 3600;

/**
 * Starts an HTTP server on 127.0.0.1 that speaks STS's query protocol: `AssumeRoleWithWebIdentity` for Google ID tokens,
 * verified by signature, expiry and the role's trust policy; `AssumeRole` and `GetCallerIdentity` for requests signed with
 * a session that it issued. It answers with STS's own error codes.
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
 * @throws TypeError for a trust policy with a condition operator other than StringEquals, StringEqualsIgnoreCase and StringLike.
 */
export async function startAwsSts(options: AwsStsOptions): Promise<AwsSts> {
  for (const { trustPolicy } of options.roles) requireKnownOperators(trustPolicy);
  const sessions = createSessions();
  const requests: AwsStsRequest[] = [];
  const faults = createFaultQueue<AwsStsFault>();

  /** A session of the role, where it lets the caller in. */
  const assume = (
    { arn, name, seconds }: AssumeRoleParameters,
    expired: boolean,
    isTrustedBy: (trustPolicy: TrustPolicyDocument) => boolean,
    denial: string,
  ): XmlElements => {
    const role = options.roles.find((known) => known.arn === arn);
    if (!role || !isTrustedBy(role.trustPolicy)) throw new AwsServiceError("AccessDenied", denial, 403);
    if (seconds > (role.maxSessionDuration ?? 3600)) {
      throw validationError("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.");
    }
    return sessionElements(sessions.issue(arn, name, expired ? -1 : (options.sessionSeconds ?? seconds)));
  };

  const assumeRoleWithWebIdentity = async (parameters: URLSearchParams, expired: boolean): Promise<XmlElements> => {
    const wanted = readAssumeRole(parameters);
    const claims = await verifyWebIdentityToken(readWebIdentityToken(parameters), options.jwksUri, Date.now());
    const denial = "Not authorized to perform sts:AssumeRoleWithWebIdentity";
    return {
      SubjectFromWebIdentityToken: String(claims.sub),
      Audience: String(claims.azp ?? claims.aud),
      ...assume(wanted, expired, (trustPolicy) => isTrusted(trustPolicy, GOOGLE_PROVIDER, claims), denial),
      Provider: GOOGLE_PROVIDER,
    };
  };

  const assumeRole = (parameters: URLSearchParams, expired: boolean, session: Session): XmlElements => {
    const wanted = readAssumeRole(parameters);
    if (wanted.seconds > CHAINED_SESSION_LIMIT_S) {
      throw validationError(
        "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining",
      );
    }
    const isTrustedBy = (policy: TrustPolicyDocument): boolean =>
      isTrustedCaller(policy, session, parameters.get("ExternalId"));
    const denial = `User: ${session.caller.arn} is not authorized to perform: sts:AssumeRole on resource: ${wanted.arn}`;
    return assume(wanted, expired, isTrustedBy, denial);
  };

  const act = async (request: SignedRequest, parameters: URLSearchParams, expired: boolean): Promise<string> => {
    const action = parameters.get("Action") ?? "";
    const answer = (result: XmlElements): string => resultXml(action, VERSION, result);
    if (action === "AssumeRoleWithWebIdentity") return answer(await assumeRoleWithWebIdentity(parameters, expired));
    if (action !== "AssumeRole" && action !== "GetCallerIdentity")
      throw new AwsServiceError("InvalidAction", `Could not find operation ${action}`);
    const session = await sessions.authenticate(request);
    if (action === "AssumeRole") return answer(assumeRole(parameters, expired, session));
    const { arn, userId, account } = session.caller;
    return answer({ Arn: arn, UserId: userId, Account: account });
  };

  const handler: Handler = async (request) => {
    const query = new URL(request.target, server.url).searchParams;
    const parameters = request.method === "POST" ? new URLSearchParams(request.body.toString("utf8")) : query;
    let error: AwsServiceError | undefined;
    const answer = await answerWithFault(faults.next(), (expired) => act(request, parameters, expired)).catch(
      (failure: unknown) => {
        error =
          failure instanceof AwsServiceError ? failure : new AwsServiceError("InternalFailure", String(failure), 500);
        return stsAnswer(error.status, errorXml(error, VERSION));
      },
    );
    requests.push(logEntry(request, parameters, error?.code));
    return answer;
  };

  const server = await startLoopbackServer(handler, options.port);
  return {
    url: server.url,
    requests,
    sessionCount: sessions.count,
    issuedSecrets: sessions.secrets,
    authenticate: async (request) => (await sessions.authenticate(request)).caller,
    injectFault: faults.inject,
    clearFaults: faults.clear,
    openConnections: server.openConnections,
    refuseConnections: server.refuse,
    acceptConnections: server.accept,
    close: server.close,
    [Symbol.asyncDispose]: server.close,
  };
}

function logEntry(request: SignedRequest, parameters: URLSearchParams, error: string | undefined): AwsStsRequest {
  const { Action: action = "", WebIdentityToken: _, ...rest } = Object.fromEntries(parameters);
  const authorization = String(request.headers.authorization ?? "");
  const signingRegion = /Credential=[^/]+\/\d{8}\/([^/]+)\//.exec(authorization)?.[1];
  return { action, parameters: rest, signingRegion, error };
}
