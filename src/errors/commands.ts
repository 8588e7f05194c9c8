import { parseRoleArn } from "../lib/role-arn.js";
import { safeJson } from "../lib/safe-text.js";
import { shellOption, shellWord } from "../lib/shell-word.js";
import {
  isGoogleIssuer,
  issuerTrustPolicy,
  type TrustPolicy,
  trustPolicyDocument,
} from "../lib/trust-policy-document.js";
import type { ErrorDetails, Platform } from "./error-codes.js";
import { ofRole } from "./role-option.js";
import { isServiceAccountEmail, toSafeDetails } from "./safe-details.js";

/** Words and commands for the table of errors. All details are safe: see {@link toSafeDetails}. */
type D = ErrorDetails;

export const because = (d: D): string => (d.reason ? `: ${d.reason}` : ".");
export const role = (d: D): string => d.roleArn ?? "the role";
export const awsAccount = (d: D): string => parseRoleArn(d.roleArn)?.accountId || "ACCOUNT_ID";
export const sts = (d: D): string => (d.region ? `STS in ${d.region}` : "STS");
const region = (d: D): string => d.region ?? "REGION";
const project = (d: D): string => d.projectId ?? "PROJECT_ID";
const namespace = (d: D): string => d.namespace ?? "NAMESPACE";
const kubernetesName = (d: D): string => d.kubernetesServiceAccount ?? "KSA_NAME";

/** The workload's Google service account, else a placeholder. */
export const account = (d: D): string =>
  [d.claims?.email, d.serviceAccountEmail].find(isServiceAccountEmail) ??
  `GSA_NAME@${project(d).replace(/^(.+):(.+)$/, "$2.$1")}.iam.gserviceaccount.com`;

/** Compute Engine's default account: what a pod gets that the GKE metadata server does not serve. */
export const isNodesAccount = (email: string | undefined): boolean =>
  email?.endsWith("-compute@developer.gserviceaccount.com") ?? false;

export const audienceOf = ({ claims, audience }: D): string | undefined =>
  (typeof claims?.aud === "string" ? claims.aud : claims?.aud?.[0]) ?? audience;

/** What this process asked for, which is the first thing to check. */
export const askedFor = (d: D): string => {
  const audience = audienceOf(d);
  return audience === undefined
    ? "the audience (option audience, or --audience)"
    : `the audience ${safeJson(audience)} (option audience, or --audience)`;
};

/**
 * The policy that allows this token. IAM compares `aud` with a Google token's `azp` where there is one, `oaud` with its
 * `aud` (keys for OIDC federation). Other issuers are IAM OIDC providers of the role's account.
 */
function trustedBy(d: D): TrustPolicy {
  const { iss, azp, sub } = d.claims ?? {};
  const audience = audienceOf(d) ?? "AUDIENCE";
  if (iss === undefined || isGoogleIssuer(iss))
    return trustPolicyDocument({ aud: azp ?? audienceOf(d) ?? "UNIQUE_ID", oaud: audience, sub: sub ?? "UNIQUE_ID" });
  const account = { accountId: awsAccount(d), partition: parseRoleArn(d.roleArn)?.partition };
  return issuerTrustPolicy([iss], account, { aud: audience, sub: sub ?? "SUBJECT" });
}

/** What the role's trust policy must require, for this token to meet it. */
export const condition = (d: D): string => safeJson(trustedBy(d).Statement[0].Condition);

/** Makes the role's trust policy the one that allows the token with these claims, and nothing else. */
export const trustCommand = (details: D): string => {
  const d = toSafeDetails(details);
  return `aws iam update-assume-role-policy ${ofRole(d)} ${shellOption("--policy-document", safeJson(trustedBy(d)))}`;
};

export const readTrustCommand = (d: D): string => `aws iam get-role ${ofRole(d)} --query Role.AssumeRolePolicyDocument`;

export const enableRegion = (d: D): readonly string[] => [`aws account enable-region --region-name ${region(d)}`];

export const callSts = (d: D): readonly string[] => [
  `curl -sS -o /dev/null -w '%{http_code}\\n' https://sts.${region(d)}.amazonaws.com${d.region?.startsWith("cn-") ? ".cn" : ""}`,
];

const ROLE_VARIABLE = "AWS_ROLE_ARN=arn:aws:iam::ACCOUNT_ID:role/ROLE_NAME";

const CLOUD_RUN: Readonly<Partial<Record<Platform, string>>> = {
  "cloud-run": "gcloud run services update SERVICE",
  "cloud-run-job": "gcloud run jobs update JOB",
  "cloud-run-worker-pool": "gcloud run worker-pools update WORKER_POOL",
};
const updateCloudRun = ({ platform }: D): string | undefined => platform && CLOUD_RUN[platform];

/** How the role's ARN gets into the environment of this process. */
export const setRole = (d: D): readonly string[] => {
  if (d.platform === "kubernetes") return [`kubectl set env deployment/DEPLOYMENT ${ROLE_VARIABLE}`];
  const update = updateCloudRun(d);
  if (update !== undefined) return [`${update} --update-env-vars ${ROLE_VARIABLE}`];
  return [`export ${ROLE_VARIABLE}`];
};

const describeAccount = (d: D): string => `gcloud iam service-accounts describe ${account(d)}`;

/** Whether the Google service account exists, and how this workload gets it. */
export const linkAccount = (d: D): readonly string[] => {
  const update = updateCloudRun(d);
  if (update !== undefined) return [describeAccount(d), `${update} --service-account ${account(d)}`];
  if (d.platform === "compute-engine")
    return [
      describeAccount(d),
      `gcloud compute instances set-service-account INSTANCE --zone ZONE --scopes cloud-platform --service-account ${account(d)}`,
    ];
  return [
    describeAccount(d),
    `kubectl annotate serviceaccount ${kubernetesName(d)} --namespace ${namespace(d)} --overwrite iam.gke.io/gcp-service-account=${account(d)}`,
  ];
};

/** What lets the workload act as its Google service account: in Kubernetes a binding, elsewhere the account itself. */
export const allowAccount = (d: D): readonly string[] => {
  if (isOffKubernetes(d)) return [describeAccount(d)];
  const member = `serviceAccount:${project(d)}.svc.id.goog[${namespace(d)}/${kubernetesName(d)}]`;
  return [
    `gcloud iam service-accounts add-iam-policy-binding ${account(d)} --role roles/iam.workloadIdentityUser --member ${shellWord(member)}`,
  ];
};

export const METADATA_EGRESS = "no NetworkPolicy stops egress to 169.254.169.252:988 or 169.254.169.254:80";

/** Elsewhere than in Kubernetes there is no node pool to look at. */
export const isOffKubernetes = (d: D): boolean => d.platform !== undefined && d.platform !== "kubernetes";

/** Many workloads have the machine's account without knowing it. */
export const defaultAccount = (d: D): string => {
  if (!isNodesAccount(d.claims?.email)) return "";
  return isOffKubernetes(d)
    ? `The token is of Compute Engine's default service account, ${account(d)}: check that this is the account to use. `
    : `The token is of the node's service account, ${account(d)}, not of a pod's: is the node pool without the GKE metadata server, or the pod on the host network? `;
};

export const detour = (d: D): string =>
  d.detours?.length
    ? `${d.detours.join(" and ")} may lead requests for the metadata server elsewhere: unset or correct it. `
    : "";

export const checkMetadataServer = (d: D): readonly string[] => [
  isOffKubernetes(d)
    ? "curl -sS -H 'Metadata-Flavor: Google' http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/email"
    : "gcloud container node-pools describe NODE_POOL --cluster CLUSTER --format 'value(config.workloadMetadataConfig.mode)'",
];

export const findMetadataPods = (d: D): readonly string[] =>
  d.platform === "kubernetes"
    ? ["kubectl get pods --namespace kube-system --selector k8s-app=gke-metadata-server --output wide"]
    : [];
