import { parseRoleArn } from "../lib/role-arn.js";
import { shellWord } from "../lib/shell-word.js";
import { trustPolicyDocument } from "../lib/trust-policy-document.js";
import type { ErrorDetails } from "./error-codes.js";

export const because = (d: ErrorDetails): string => (d.reason ? `: ${d.reason}` : ".");
export const role = (d: ErrorDetails): string => d.roleArn ?? "the role";
export const roleName = (d: ErrorDetails): string => parseRoleArn(d.roleArn)?.roleName ?? "ROLE_NAME";
export const awsAccount = (d: ErrorDetails): string => parseRoleArn(d.roleArn)?.accountId || "ACCOUNT_ID";
export const project = (d: ErrorDetails): string => d.projectId ?? "PROJECT_ID";
export const sts = (d: ErrorDetails): string => (d.region ? `STS in ${d.region}` : "STS");
export const region = (d: ErrorDetails): string => d.region ?? "REGION";

/** The first of these that is a Google service account: not `default`, nor a workload pool (`PROJECT.svc.id.goog`). */
export const account = (d: ErrorDetails): string =>
  [d.claims?.email, d.serviceAccountEmail].find((email) => email?.includes("@")) ??
  `GSA_NAME@${project(d)}.iam.gserviceaccount.com`;

export const kubernetes = (d: ErrorDetails): string =>
  `${d.kubernetesServiceAccount ?? "KSA_NAME"} --namespace ${d.namespace ?? "NAMESPACE"}`;

/** IAM compares `aud` with the token's `azp` where there is one, `oaud` with its `aud` (keys for OIDC federation). */
export const trustedBy = ({ claims = {}, audience }: ErrorDetails) => {
  const aud = (typeof claims.aud === "string" ? claims.aud : claims.aud?.[0]) ?? audience;
  return trustPolicyDocument({
    aud: claims.azp ?? aud ?? "UNIQUE_ID",
    oaud: aud ?? "AUDIENCE",
    sub: claims.sub ?? "UNIQUE_ID",
  });
};

/** Compute Engine's default account: what a pod gets that the GKE metadata server does not serve. */
export const isNodesAccount = (email: string | undefined): boolean =>
  email?.endsWith("-compute@developer.gserviceaccount.com") ?? false;

/** Makes the role's trust policy the one that lets in the token with these claims, and nothing else. */
export const trustCommand = (d: ErrorDetails): string =>
  `aws iam update-assume-role-policy --role-name ${roleName(d)} --policy-document ${shellWord(JSON.stringify(trustedBy(d)))}`;

export const METADATA_EGRESS = "no NetworkPolicy stops egress to 169.254.169.252:988 or 169.254.169.254:80";
export const detour = (d: ErrorDetails): string =>
  d.detours?.length
    ? `${d.detours.join(" and ")} may lead requests for the metadata server elsewhere: unset or correct it. `
    : "";
