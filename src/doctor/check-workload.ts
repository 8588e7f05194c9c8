import { isNodesAccount } from "../errors/commands.js";
import type { FromGkeWorkloadIdentityInit } from "../index.js";
import { isGoogleIssuer, issuerName } from "../lib/role-arn.js";
import { startDeadline } from "../lib/time.js";
import { resolveOptions } from "../options/option-rules.js";
import type { ResolvedOptions } from "../options/options.js";
import { type RoleSession, readRoleSession } from "../sts/session.js";
import type { WebIdentityToken } from "../token/check-token.js";
import { createGoogleCloudCheck, waitForMetadataServer } from "../token/google-cloud.js";
import { isTransientTokenFailure, toTokenError } from "../token/token-failure.js";
import { findTokenFile } from "../token/token-file.js";
import { createTokenSource } from "../token/token-source.js";
import { describeWorkload } from "../token/workload.js";
import { clockAhead } from "./check-clock.js";
import { type Finding, fail, ok, type Success, skip, warn } from "./step.js";

/** What every later step is given: the options, and the role with the session's name. */
export interface Setup {
  readonly options: ResolvedOptions;
  readonly roleSession: RoleSession;
}

/** The role, the session's name and the audience, from flags and environment. Each step may take `timeoutMs`, as in the library. */
export function checkConfiguration(init: FromGkeWorkloadIdentityInit): Success<Setup> {
  const options = resolveOptions(init);
  const roleSession = readRoleSession(options);
  const { roleArn, roleSessionName } = roleSession;
  const found = ok(`${roleArn} as ${roleSessionName}, audience ${options.audience}`);
  return { ...found, facts: { options, roleSession } };
}

/**
 * Whether Google's metadata server answers, and by how much this machine's clock is ahead of its.
 *
 * @throws GkeWorkloadIdentityError `NOT_ON_GOOGLE_CLOUD`, `METADATA_UNAVAILABLE` or `METADATA_TIMEOUT`
 */
export async function checkMetadataServer({ options }: Setup): Promise<Success<number | undefined>> {
  if (options.idTokenProvider) return skip("not asked: an idTokenProvider is given");
  const tokenFile = findTokenFile(options);
  if (tokenFile !== undefined) return skip(`not asked: the token comes from the file ${tokenFile}`);
  const deadline = startDeadline(options.timeoutMs);
  await createGoogleCloudCheck()(deadline);
  try {
    const { address, headers } = await waitForMetadataServer(deadline, isTransientTokenFailure);
    return { ...ok(address), facts: clockAhead(headers.get("date")) };
  } catch (error) {
    throw await toTokenError(error, { ...options, ms: deadline.remaining() });
  }
}

const DESCRIBE_MS = 3_000;
const NEXT_STEP = "The next step says what to do.";

/** The Google service account, or the workload pool where none is linked; and whether the account is the workload's own. */
export async function checkServiceAccount({ options }: Setup): Promise<Success<string | undefined>> {
  if (options.idTokenProvider) return skip("not asked: the idTokenProvider's");
  if (findTokenFile(options) !== undefined) return skip("not asked: the one that the token in the file names");
  const { namespace, kubernetesServiceAccount, serviceAccountEmail } = await describeWorkload(DESCRIBE_MS);
  const email = options.serviceAccountEmail === "default" ? serviceAccountEmail : options.serviceAccountEmail;
  const pod = namespace ? `, for ${namespace}/${kubernetesServiceAccount}` : "";
  if (email === undefined) return warn("the metadata server names none", NEXT_STEP);
  if (email.endsWith(".svc.id.goog"))
    return { ...warn(`none: it answers with the workload pool, ${email}`, NEXT_STEP), facts: email };
  if (!isNodesAccount(email)) return { ...ok(`${email}${pod}`), facts: email };
  const hint =
    "A pod gets it on a node pool without the GKE metadata server, or on the host network. On Compute Engine and Cloud Run it is the default.";
  return { ...warn(`${email}, which is the node's own`, hint), facts: email };
}

/** The token's claims: who made it, for whom, for how long, and whether it is of the account that the server names. */
export async function checkIdToken(
  { options }: Setup,
  account: string | undefined,
): Promise<Finding<WebIdentityToken>> {
  const idToken = await createTokenSource(options)(startDeadline(options.timeoutMs));
  const { iss, azp, sub, aud, email, exp } = idToken.claims;
  if (account !== undefined && email !== undefined && email !== account)
    return fail(
      "WRONG_IDENTITY",
      `the token is of ${email}, but this workload is ${account}`,
      "Another machine answers in the place of the metadata server, with an identity of its own: a proxy, or the host of a wrong GCE_METADATA_HOST. See which variables lead there, and unset them:\n   env | grep -iE 'proxy|GCE_METADATA'",
    );
  const minutes = Math.round((exp * 1_000 - Date.now()) / 60_000);
  const { owner, trusted } = describeIssuer(iss);
  const who = isGoogleIssuer(iss) ? `azp ${azp}, sub ${sub}` : `sub ${sub}`;
  const found = `${owner}: ${who}, aud ${aud}, for ${minutes} more minutes; the role must trust ${trusted}`;
  if (!isGoogleIssuer(iss) || /^\d+$/.test(azp ?? "")) return { ...ok(found), facts: idToken };
  const hint = "azp is not a service account's unique id: a trust policy from createTrustPolicy refuses it.";
  return { ...warn(found, hint), facts: idToken };
}

/** The issuers of the managed Kubernetes services, by the start of their URL. */
const CLUSTERS: readonly (readonly [issuer: RegExp, owner: string])[] = [
  [/^https:\/\/container\.googleapis\.com\//, "a GKE cluster's"],
  [/^https:\/\/oidc\.eks\.|^https:\/\/oidc-eks\./, "an EKS cluster's"],
  [/^https:\/\/[\w.-]+\.oic\.prod-aks\.azure\.com\//, "an AKS cluster's"],
];

/** Whose token it is, and the identity provider that the role must trust for it. */
export function describeIssuer(iss: string | undefined): { readonly owner: string; readonly trusted: string } {
  if (iss === undefined) return { owner: "of an issuer that it does not name", trusted: "that issuer" };
  if (isGoogleIssuer(iss)) return { owner: "Google's", trusted: "accounts.google.com" };
  const [, owner = "another issuer's"] = CLUSTERS.find(([pattern]) => pattern.test(iss)) ?? [];
  return { owner, trusted: `the IAM OIDC provider ${issuerName(iss)}` };
}
