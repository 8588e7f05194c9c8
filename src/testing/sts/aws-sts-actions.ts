import {
  type AssumeRoleParameters,
  readAssumeRole,
  readWebIdentityToken,
  validationError,
} from "./assume-role-parameters.js";
import { AwsServiceError } from "./aws-error.js";
import type { AwsStsOptions } from "./aws-sts-options.js";
import { type createSessions, type Session, sessionElements } from "./aws-sts-sessions.js";
import { findIssuer } from "./oidc-providers.js";
import type { SignedRequest } from "./request-signature.js";
import { isTrusted, isTrustedCaller, type TrustPolicyDocument } from "./trust-policy-evaluation.js";
import { audiencesOf, parseToken, verifyWebIdentityToken } from "./web-identity-token.js";
import { resultXml, type XmlElements } from "./xml.js";

/** The version of STS's API. */
export const VERSION = "2011-06-15";
/** Roles assumed by another role's session (AWS IAM user guide, role chaining). */
const CHAINED_SESSION_LIMIT_S = 3600;

/** Answers a request in XML. `expired` makes sessions that have already ended. */
export type Act = (request: SignedRequest, parameters: URLSearchParams, expired: boolean) => Promise<string>;

type Sessions = ReturnType<typeof createSessions>;

/** Makes the function that gives a session of a role, if the role trusts the caller. */
function createAssume(options: AwsStsOptions, sessions: Sessions) {
  return (
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
}

/** What the server can do: the three actions of STS that it knows. */
export function createActions(options: AwsStsOptions, sessions: Sessions): Act {
  const assume = createAssume(options, sessions);

  const assumeRoleWithWebIdentity = async (parameters: URLSearchParams, expired: boolean): Promise<XmlElements> => {
    const wanted = readAssumeRole(parameters);
    const token = parseToken(readWebIdentityToken(parameters));
    const issuer = findIssuer(token.claims, wanted.arn, options);
    await verifyWebIdentityToken(token, issuer, Date.now());
    const denial = "Not authorized to perform sts:AssumeRoleWithWebIdentity";
    return {
      SubjectFromWebIdentityToken: String(token.claims.sub),
      Audience: audiencesOf(token.claims)[0] ?? "",
      ...assume(wanted, expired, (trustPolicy) => isTrusted(trustPolicy, issuer, token.claims), denial),
      Provider: issuer.principal,
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

  return async (request, parameters, expired) => {
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
}
