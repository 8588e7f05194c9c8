import { randomBytes } from "node:crypto";
import { readAssumeRole, validationError } from "./assume-role-parameters.js";
import { AwsServiceError } from "./aws-error.js";
import { type AwsStsFault, answerWithFault, stsAnswer } from "./aws-sts-faults.js";
import { createFaultQueue, type FaultOptions } from "./faults.js";
import { type Handler, startLoopbackServer } from "./loopback-server.js";
import { type SignedRequest, verifySignature } from "./sigv4.js";
import { isTrusted, requireKnownOperators, type TrustPolicyDocument } from "./trust-policy-evaluation.js";
import { GOOGLE_PROVIDER, verifyWebIdentityToken } from "./web-identity-token.js";
import { errorXml, resultXml } from "./xml.js";

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
  readonly roles: readonly AwsStsRole[];
  /** The port on 127.0.0.1. Default: a free one. */
  readonly port?: number | undefined;
  /** Makes each session this long, whatever was asked, in seconds: to see sessions end without waiting. Default: none. */
  readonly sessionSeconds?: number | undefined;
}

/** One request as the server saw it. The web identity token is left out. */
export interface AwsStsRequest {
  readonly action: string;
  readonly parameters: Readonly<Record<string, string>>;
  /** The region that the client signed for; undefined for unsigned requests such as AssumeRoleWithWebIdentity. */
  readonly signingRegion: string | undefined;
  /** The AWS error code answered; undefined where all was well. */
  readonly error: string | undefined;
}

/** Who signed a request: what `GetCallerIdentity` answers. */
export interface AwsCaller {
  readonly arn: string;
  readonly account: string;
  readonly userId: string;
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
  readonly injectFault: (fault: AwsStsFault, options?: FaultOptions) => void;
  readonly clearFaults: () => void;
  /** Connections open now: what a caller left behind shows here. */
  readonly openConnections: () => number;
  /** Refuse connections until `acceptConnections`. */
  readonly refuseConnections: () => Promise<void>;
  readonly acceptConnections: () => Promise<void>;
  readonly close: () => Promise<void>;
}

interface Session {
  readonly secretAccessKey: string;
  readonly sessionToken: string;
  readonly expiration: number;
  readonly caller: AwsCaller;
}

const VERSION = "2011-06-15";
/** AWS's ids are of these characters. */
const randomId = (prefix: string): string =>
  prefix + Array.from(randomBytes(16), (byte) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[byte % 32]).join("");

const denied = (): AwsServiceError =>
  new AwsServiceError("AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity", 403);

/**
 * Starts an HTTP server on 127.0.0.1 that speaks STS's query protocol: `AssumeRoleWithWebIdentity` for Google ID tokens,
 * verified by signature, expiry and the role's trust policy, and `GetCallerIdentity` for requests signed with a session
 * that it issued. It answers with STS's own error codes.
 *
 * @example
 * ```ts
 * await using metadata = await startGoogleMetadataServer();
 * await using sts = await startAwsSts({
 *   jwksUri: metadata.jwksUri,
 *   roles: [{ arn: "arn:aws:iam::123456789012:role/reader", trustPolicy: createTrustPolicy({ serviceAccountUniqueId: "111035977024964273138" }) }],
 * });
 * process.env.AWS_ENDPOINT_URL_STS = sts.url;
 * ```
 *
 * @throws TypeError for a trust policy with a condition operator other than StringEquals, StringEqualsIgnoreCase and StringLike.
 */
export async function startAwsSts(options: AwsStsOptions): Promise<AwsSts> {
  for (const { trustPolicy } of options.roles) requireKnownOperators(trustPolicy);
  const sessions = new Map<string, Session>();
  const requests: AwsStsRequest[] = [];
  const faults = createFaultQueue<AwsStsFault>();

  const authenticate = async (request: SignedRequest): Promise<AwsCaller> => {
    const now = Date.now();
    const session = sessions.get(await verifySignature(request, (id) => sessions.get(id), now));
    if (!session || session.expiration <= now) {
      throw new AwsServiceError("ExpiredToken", "The security token included in the request is expired", 403);
    }
    return session.caller;
  };

  const assumeRole = async (parameters: URLSearchParams, expired: boolean): Promise<string> => {
    const { arn, name, token, seconds } = readAssumeRole(parameters);
    const claims = await verifyWebIdentityToken(token, options.jwksUri, Date.now());
    const role = options.roles.find((known) => known.arn === arn);
    if (!role || !isTrusted(role.trustPolicy, GOOGLE_PROVIDER, claims)) throw denied();
    if (seconds > (role.maxSessionDuration ?? 3600)) {
      throw validationError("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.");
    }
    const life = expired ? -1 : (options.sessionSeconds ?? seconds);
    const accessKeyId = randomId("ASIA");
    const roleId = randomId("AROA");
    const session = newSession(arn, name, roleId, life);
    sessions.set(accessKeyId, session);
    return resultXml("AssumeRoleWithWebIdentity", VERSION, {
      SubjectFromWebIdentityToken: String(claims.sub),
      Audience: String(claims.azp ?? claims.aud),
      AssumedRoleUser: { Arn: session.caller.arn, AssumedRoleId: session.caller.userId },
      Credentials: {
        AccessKeyId: accessKeyId,
        SecretAccessKey: session.secretAccessKey,
        SessionToken: session.sessionToken,
        Expiration: new Date(session.expiration).toISOString().replace(/\.\d+Z$/, "Z"),
      },
      Provider: GOOGLE_PROVIDER,
    });
  };

  const act = async (request: SignedRequest, parameters: URLSearchParams, expired: boolean): Promise<string> => {
    const action = parameters.get("Action") ?? "";
    if (action === "AssumeRoleWithWebIdentity") return assumeRole(parameters, expired);
    if (action !== "GetCallerIdentity")
      throw new AwsServiceError("InvalidAction", `Could not find operation ${action}`);
    const { arn, userId, account } = await authenticate(request);
    return resultXml("GetCallerIdentity", VERSION, { Arn: arn, UserId: userId, Account: account });
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
    sessionCount: () => sessions.size,
    issuedSecrets: () =>
      [...sessions.values()].flatMap(({ secretAccessKey, sessionToken }) => [secretAccessKey, sessionToken]),
    authenticate,
    injectFault: faults.inject,
    clearFaults: faults.clear,
    openConnections: server.openConnections,
    refuseConnections: server.refuse,
    acceptConnections: server.accept,
    close: server.close,
    [Symbol.asyncDispose]: server.close,
  };
}

function newSession(roleArn: string, sessionName: string, roleId: string, seconds: number): Session {
  const [, partition = "", , , account = "", resource = ""] = roleArn.split(":");
  const roleName = resource.split("/").at(-1) ?? "";
  return {
    secretAccessKey: randomBytes(30).toString("base64"),
    sessionToken: randomBytes(180).toString("base64"),
    expiration: Math.floor(Date.now() / 1000 + seconds) * 1000,
    caller: {
      arn: `arn:${partition}:sts::${account}:assumed-role/${roleName}/${sessionName}`,
      account,
      userId: `${roleId}:${sessionName}`,
    },
  };
}

function logEntry(request: SignedRequest, parameters: URLSearchParams, error: string | undefined): AwsStsRequest {
  const { Action: action = "", WebIdentityToken: _, ...rest } = Object.fromEntries(parameters);
  const authorization = String(request.headers.authorization ?? "");
  const signingRegion = /Credential=[^/]+\/\d{8}\/([^/]+)\//.exec(authorization)?.[1];
  return { action, parameters: rest, signingRegion, error };
}
