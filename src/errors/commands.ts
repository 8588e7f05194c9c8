import { isGoogleIssuer, issuerName, parseRoleArn, providerArn } from "../lib/role-arn.js";
import { shellOption, shellWord } from "../lib/text.js";
import type { ErrorDetails, Platform } from "./error.js";

/** Words and commands for the table of errors. All details are safe to print; a missing one becomes a placeholder. */
type D = ErrorDetails;

/** Every email of a Google service account ends so: https://cloud.google.com/iam/docs/service-account-types. */
const SERVICE_ACCOUNT = /^[a-z0-9][a-z0-9-]{0,62}@[a-z0-9](?:[a-z0-9.-]{0,120}[a-z0-9])?\.gserviceaccount\.com$/;

/** Whether this is the email of a Google service account, in the form that Google gives it. */
export const isServiceAccountEmail = (value: unknown): value is string =>
  typeof value === "string" && SERVICE_ACCOUNT.test(value);

/** Compute Engine's default account: what a pod gets that the GKE metadata server does not serve. */
export const isNodesAccount = (email: string | undefined): boolean =>
  email?.endsWith("-compute@developer.gserviceaccount.com") ?? false;

/** Elsewhere than in Kubernetes there is no node pool to look at. */
export const isOffKubernetes = (d: D): boolean => d.platform !== undefined && d.platform !== "kubernetes";

export const because = (d: D): string => (d.reason ? `: ${d.reason}` : "");
export const tokenSource = (d: D): string => d.tokenSource ?? "The Google metadata server";
export const roleName = (d: D): string => parseRoleArn(d.roleArn)?.roleName ?? "ROLE_NAME";
export const awsAccount = (d: D): string => parseRoleArn(d.roleArn)?.accountId || "ACCOUNT_ID";
export const role = (d: D): string => {
  if (d.roleArn === undefined) return "the role";
  const { accountId } = parseRoleArn(d.roleArn) ?? {};
  return accountId ? `the role ${roleName(d)} in account ${accountId}` : `the role ${roleName(d)}`;
};
export const sts = (d: D): string => (d.host ? `STS at ${d.host}` : d.region ? `STS in ${d.region}` : "STS");
export const audience = (d: D): string =>
  (typeof d.claims?.aud === "string" ? d.claims.aud : d.claims?.aud?.[0]) ?? d.audience ?? "sts.amazonaws.com";
const namespace = (d: D): string => d.namespace ?? "NAMESPACE";
const kubernetesName = (d: D): string => d.kubernetesServiceAccount ?? "KSA_NAME";

/** The pod's Kubernetes service account, or this workload. */
export const workload = (d: D): string =>
  d.namespace && d.kubernetesServiceAccount
    ? `the Kubernetes service account ${d.namespace}/${d.kubernetesServiceAccount}`
    : "this workload";

/** The workload's Google service account, else a placeholder. */
export const account = (d: D): string =>
  [d.claims?.email, d.serviceAccountEmail].find(isServiceAccountEmail) ??
  `GSA_NAME@${(d.projectId ?? "PROJECT_ID").replace(/^(.+):(.+)$/, "$2.$1")}.iam.gserviceaccount.com`;

/** Whether the token names an issuer other than Google: a cluster. */
export const isClusterToken = ({ claims }: D): boolean => claims?.iss !== undefined && !isGoogleIssuer(claims.iss);
export const issuer = (d: D): string => (isClusterToken(d) ? (d.claims?.iss ?? "ISSUER") : "Google");
export const tokenName = (d: D): string => (isClusterToken(d) ? `token of ${issuer(d)}` : "Google ID token");
/** Whose token it is. */
export const bearer = (d: D): string =>
  (isClusterToken(d) ? d.claims?.sub : (d.claims?.email ?? d.claims?.sub)) ?? "this workload";

/** The role, as the commands of the AWS CLI take it. */
const ofRole = (d: D): string => shellOption("--role-name", roleName(d));

export const showTrustPolicy = (d: D): string => `aws iam get-role ${ofRole(d)} --query Role.AssumeRolePolicyDocument`;

/** The values that the role's trust policy must have under `StringEquals`, for this token to meet it. */
export function trustedValues(d: D): string {
  const { iss = "", azp, sub } = d.claims ?? {};
  if (isClusterToken(d))
    return `${issuerName(iss)}:aud = ${audience(d)}, ${issuerName(iss)}:sub = ${sub ?? "system:serviceaccount:NAMESPACE:NAME"}`;
  const id = azp ?? sub ?? "UNIQUE_ID";
  return `accounts.google.com:aud = ${id}, accounts.google.com:oaud = ${audience(d)}, accounts.google.com:sub = ${sub ?? id}`;
}

/** The command that prints the whole policy for this token. It changes nothing. */
export function printTrustPolicy(d: D): string {
  const { iss, azp, sub } = d.claims ?? {};
  const ofAudience = audience(d) === "sts.amazonaws.com" ? "" : ` ${shellOption("--audience", audience(d))}`;
  const command = `npx gke-aws-credentials trust-policy${ofAudience}`;
  if (!isClusterToken(d)) return `${command} ${shellOption("--service-account-unique-id", azp ?? sub ?? "UNIQUE_ID")}`;
  const [, ofNamespace = "NAMESPACE", name = "NAME"] = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(sub ?? "") ?? [];
  return `${command} ${shellOption("--issuer", iss ?? "ISSUER")} ${shellOption("--namespace", ofNamespace)} ${shellOption("--service-account-name", name)} ${shellOption("--aws-account-id", awsAccount(d))}`;
}

/** The IAM OIDC provider of the token's issuer. */
export const oidcProvider = (d: D): string =>
  shellOption(
    "--open-id-connect-provider-arn",
    providerArn(isClusterToken(d) ? issuer(d) : "https://accounts.google.com", {
      accountId: awsAccount(d),
      partition: parseRoleArn(d.roleArn)?.partition,
    }),
  );

const ROLE_VARIABLE = "AWS_ROLE_ARN=arn:aws:iam::ACCOUNT_ID:role/ROLE_NAME";

const CLOUD_RUN: Readonly<Partial<Record<Platform, string>>> = {
  "cloud-run": "gcloud run services update SERVICE",
  "cloud-run-job": "gcloud run jobs update JOB",
  "cloud-run-worker-pool": "gcloud run worker-pools update WORKER_POOL",
};
const updateCloudRun = ({ platform }: D): string | undefined => platform && CLOUD_RUN[platform];

/** How the role's ARN gets into the environment of this process. */
export function setRole(d: D): string {
  if (d.platform === "kubernetes") return `kubectl set env deployment/DEPLOYMENT ${ROLE_VARIABLE}`;
  const update = updateCloudRun(d);
  return update === undefined ? `export ${ROLE_VARIABLE}` : `${update} --update-env-vars ${ROLE_VARIABLE}`;
}

export const describeAccount = (d: D): string => `gcloud iam service-accounts describe ${account(d)}`;

/** How this workload gets its Google service account. */
export function linkAccount(d: D): string {
  const update = updateCloudRun(d);
  if (update !== undefined) return `${update} --service-account ${account(d)}`;
  if (d.platform === "compute-engine")
    return `gcloud compute instances set-service-account INSTANCE --zone ZONE --scopes cloud-platform --service-account ${account(d)}`;
  return `kubectl annotate serviceaccount ${kubernetesName(d)} --namespace ${namespace(d)} iam.gke.io/gcp-service-account=${account(d)}`;
}

/** What lets the Kubernetes service account act as its Google service account. */
export const allowAccount = (d: D): string => {
  const member = `serviceAccount:${d.projectId ?? "PROJECT_ID"}.svc.id.goog[${namespace(d)}/${kubernetesName(d)}]`;
  return `gcloud iam service-accounts add-iam-policy-binding ${account(d)} --role roles/iam.workloadIdentityUser --member ${shellWord(member)}`;
};

export const showNodePool =
  "gcloud container node-pools describe NODE_POOL --cluster CLUSTER --format 'value(config.workloadMetadataConfig.mode)'";
export const showNetworkPolicies = (d: D): string => `kubectl get networkpolicy --namespace ${namespace(d)}`;
export const askMetadataServer =
  "curl -sS -H 'Metadata-Flavor: Google' http://169.254.169.254/computeMetadata/v1/instance/service-accounts/default/email";
export const showMetadataPods =
  "kubectl get pods --namespace kube-system --selector k8s-app=gke-metadata-server --output wide";

/** Shows each projected token of the pod: its audience, its life and its path. */
export const showTokenVolumes = (d: D): string =>
  `kubectl get pod POD --namespace ${namespace(d)} --output jsonpath='{.spec.volumes[*].projected.sources[*].serviceAccountToken}'`;
export const showFile = (d: D): string => (d.tokenFile === undefined ? "id" : `ls -lL ${shellWord(d.tokenFile)}`);
