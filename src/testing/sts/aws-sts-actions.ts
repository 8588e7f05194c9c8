import type { Answer } from "../lib/loopback-server.js";
import { AwsServiceError, resultAnswer, type XmlElements } from "./aws-answers.js";
import type { AwsStsOptions } from "./aws-sts-options.js";
import type { createSessions, Session } from "./aws-sts-sessions.js";
import type { SignedRequest } from "./sigv4.js";
import { isTrusted, isTrustedCaller, type TrustPolicyDocument } from "./trust-policy-evaluation.js";
import { verifyWebIdentityToken } from "./web-identity-token.js";

/** Roles assumed by another role's session (AWS IAM user guide, role chaining). */
const CHAINED_SESSION_LIMIT_S = 3600;

const validationError = (message: string): AwsServiceError => new AwsServiceError("ValidationError", message);

/** Reads and checks the parameters in the ranges of AssumeRole's and AssumeRoleWithWebIdentity's API reference. */
function readAssumeRole(parameters: URLSearchParams) {
  const arn = parameters.get("RoleArn") ?? "";
  const name = parameters.get("RoleSessionName") ?? "";
  const seconds = Number(parameters.get("DurationSeconds") ?? 3600);
  if (!/^arn:[^:]+:iam::[^:]*:role\/.+$/.test(arn)) throw validationError("Request ARN is invalid");
  if (!/^[\w+=,.@-]{2,64}$/.test(name)) {
    throw validationError(
      `1 validation error detected: Value '${name}' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]*`,
    );
  }
  if (!Number.isInteger(seconds) || seconds < 900 || seconds > 43_200) {
    throw validationError(
      `1 validation error detected: Value '${seconds}' at 'durationSeconds' failed to satisfy constraint: Member must have value between 900 and 43200`,
    );
  }
  const policy = parameters.get("Policy");
  if (policy !== null) requirePolicy(policy);
  return { arn, name, seconds };
}

function requirePolicy(policy: string): void {
  if (policy.length > 2048) throw new AwsServiceError("PackedPolicyTooLarge", "Serialized token too large for session");
  try {
    const { Statement } = JSON.parse(policy) as { Statement?: unknown };
    if (Statement) return;
  } catch {}
  throw new AwsServiceError("MalformedPolicyDocument", "Syntax errors in policy.");
}

/** What the server can do: the three actions of STS that it knows. `expired` makes sessions that have already ended. */
export function createActions(options: AwsStsOptions, { issue, authenticate }: ReturnType<typeof createSessions>) {
  /** A session of a role, if the role trusts the caller. */
  const assume = (
    { arn, name, seconds }: ReturnType<typeof readAssumeRole>,
    expired: boolean,
    isTrustedBy: (trustPolicy: TrustPolicyDocument) => boolean,
    denial: string,
  ): XmlElements => {
    const role = options.roles.find((known) => known.arn === arn);
    if (!role || !isTrustedBy(role.trustPolicy)) throw new AwsServiceError("AccessDenied", denial, 403);
    if (seconds > (role.maxSessionDuration ?? 3600))
      throw validationError("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.");
    return issue(arn, name, expired ? -1 : (options.sessionSeconds ?? seconds));
  };

  const assumeRoleWithWebIdentity = async (parameters: URLSearchParams, expired: boolean): Promise<XmlElements> => {
    const wanted = readAssumeRole(parameters);
    const token = parameters.get("WebIdentityToken") ?? "";
    if (token.length < 4 || token.length > 20_000)
      throw validationError("1 validation error detected: Value at 'webIdentityToken' failed to satisfy constraint");
    const { claims, audiences, provider } = await verifyWebIdentityToken(token, wanted.arn, options);
    const denial = "Not authorized to perform sts:AssumeRoleWithWebIdentity";
    return {
      SubjectFromWebIdentityToken: String(claims.sub),
      Audience: audiences[0] ?? "",
      ...assume(wanted, expired, (trustPolicy) => isTrusted(trustPolicy, provider, claims), denial),
      Provider: provider,
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

  return async (request: SignedRequest, parameters: URLSearchParams, expired: boolean): Promise<Answer> => {
    const action = parameters.get("Action") ?? "";
    const answer = (result: XmlElements): Answer => resultAnswer(action, result);
    if (action === "AssumeRoleWithWebIdentity") return answer(await assumeRoleWithWebIdentity(parameters, expired));
    if (action !== "AssumeRole" && action !== "GetCallerIdentity")
      throw new AwsServiceError("InvalidAction", `Could not find operation ${action}`);
    const session = authenticate(request);
    if (action === "AssumeRole") return answer(assumeRole(parameters, expired, session));
    const { arn, userId, account } = session.caller;
    return answer({ Arn: arn, UserId: userId, Account: account });
  };
}
