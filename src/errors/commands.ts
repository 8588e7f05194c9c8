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

export const tokenSource = (d: D): string => d.tokenSource ?? "The Google metadata server";
/** Who refused: where a variable or an option leads to another host, that host. */
export const refuser = (d: D): string =>
  d.hostSetBy ? `${sts(d)}${/^\S+$/.test(d.hostSetBy) ? ` (${d.hostSetBy})` : ""}` : "AWS";
export const sts = (d: D): string => (d.host ? `STS at ${d.host}` : d.region ? `STS in ${d.region}` : "STS");
const roleName = (d: D): string => parseRoleArn(d.roleArn)?.roleName ?? "ROLE_NAME";
export const awsAccount = (d: D): string => parseRoleArn(d.roleArn)?.accountId || "ACCOUNT_ID";
export const role = (d: D): string => {
  const { accountId, roleName } = parseRoleArn(d.roleArn) ?? {};
  return `the role${roleName ? ` ${roleName}` : ""}${accountId ? ` in account ${accountId}` : ""}`;
};
export const ofRole = (d: D): string => shellOption("--role-name", roleName(d));

/** What the token must be for, and what it is for. */
export const askedAudience = (d: D): string => d.audience ?? "sts.amazonaws.com";
export const audience = (d: D): string => [d.claims?.aud].flat()[0] ?? askedAudience(d);
export const uniqueId = ({ claims }: D): string => claims?.azp ?? claims?.sub ?? "UNIQUE_ID";
/** Whether the token names an issuer other than Google: a cluster. */
export const isClusterToken = ({ claims }: D): boolean => claims?.iss !== undefined && !isGoogleIssuer(claims.iss);
export const issuer = (d: D): string => (isClusterToken(d) ? (d.claims?.iss ?? "") : "Google");
export const tokenName = (d: D): string => (isClusterToken(d) ? `token of ${issuer(d)}` : "Google ID token");
export const bearer = (d: D): string =>
  (isClusterToken(d) ? d.claims?.sub : (d.claims?.email ?? d.claims?.sub)) ?? "this workload";

const namespace = (d: D): string => d.namespace ?? "NAMESPACE";
const kubernetesName = (d: D): string => d.kubernetesServiceAccount ?? "KSA_NAME";
export const workload = ({ namespace, kubernetesServiceAccount: name }: D): string =>
  namespace && name ? `the Kubernetes service account ${name} in namespace ${namespace}` : "this workload";
/** The workload's Google service account; undefined where none is known, such as none is linked. */
export const knownAccount = (d: D): string | undefined =>
  [d.claims?.email, d.serviceAccountEmail].find(isServiceAccountEmail);
/** In a project of a domain, `DOMAIN:PROJECT`, an email ends with the two turned round. */
export const account = (d: D): string =>
  knownAccount(d) ??
  `GSA_NAME@${(d.projectId ?? "PROJECT_ID").replace(/^(.+):(.+)$/, "$2.$1")}.iam.gserviceaccount.com`;

/** A longer name of an issuer, twice, would leave no room for the command. */
const MAX_NAME = 100;

/** The keys and values that the role's trust policy must have under `StringEquals`, for this token to meet it. */
export function trustedValues(d: D): string {
  const { sub = isClusterToken(d) ? "system:serviceaccount:NAMESPACE:NAME" : uniqueId(d) } = d.claims ?? {};
  const name = issuerName(issuer(d));
  if (isClusterToken(d))
    return name.length <= MAX_NAME
      ? `${name}:aud = ${audience(d)}, ${name}:sub = ${sub}`
      : `ISSUER:aud = ${audience(d)}, ISSUER:sub = ${sub}. ISSUER is the issuer below without https://`;
  return `accounts.google.com:aud = ${uniqueId(d)}, accounts.google.com:oaud = ${audience(d)}, accounts.google.com:sub = ${sub}`;
}

/** The command that prints the trust policy for this token. It changes nothing. */
export function printTrustPolicy(d: D): string {
  const ofAudience = audience(d) === "sts.amazonaws.com" ? "" : ` ${shellOption("--audience", audience(d))}`;
  const command = `npx gke-aws-credentials trust-policy${ofAudience}`;
  if (!isClusterToken(d)) return `${command} ${shellOption("--service-account-unique-id", uniqueId(d))}`;
  const [, namespace = "NAMESPACE", name = "NAME"] = /^system:\w+:([^:]+):([^:]+)$/.exec(d.claims?.sub ?? "") ?? [];
  return `${command} ${shellOption("--issuer", issuer(d))} ${shellOption("--namespace", namespace)} ${shellOption("--service-account-name", name)} ${shellOption("--aws-account-id", awsAccount(d))}`;
}

export function oidcProvider(d: D): string {
  const name = isClusterToken(d) ? issuer(d) : "accounts.google.com";
  const arn = providerArn(name, awsAccount(d), parseRoleArn(d.roleArn)?.partition);
  return shellOption("--open-id-connect-provider-arn", arn);
}

export const ASK_METADATA =
  "curl -sS -H 'Metadata-Flavor: Google' http://169.254.169.254/computeMetadata/v1/instance/service-accounts/default/email";
export const METADATA_PODS =
  "kubectl get pods --namespace kube-system --selector k8s-app=gke-metadata-server --output wide";
const ofNodePool = (verb: string): string =>
  `gcloud container node-pools ${verb} NODE_POOL --cluster CLUSTER --location LOCATION`;
export const METADATA_MODE = `${ofNodePool("describe")} --format 'value(config.workloadMetadataConfig.mode)'`;
export const SET_METADATA_MODE = `${ofNodePool("update")} --workload-metadata GKE_METADATA`;
export const networkPolicies = (d: D): string => `kubectl get networkpolicy --namespace ${namespace(d)}`;
const ofPod = (d: D, field: string): string =>
  `kubectl get pod POD --namespace ${namespace(d)} --output jsonpath='{.spec.${field}}'`;
export const tokenVolumes = (d: D): string => ofPod(d, "volumes[*].projected.sources[*].serviceAccountToken");
export const hostNetwork = (d: D): string => ofPod(d, "hostNetwork");
export const showFile = ({ tokenFile }: D): readonly string[] => (tokenFile ? [`ls -lL ${shellWord(tokenFile)}`] : []);
export const describeAccount = (d: D): string => `gcloud iam service-accounts describe ${account(d)}`;

/** What gives the workload another service account, or a variable. */
const UPDATES: Readonly<Partial<Record<Platform, string>>> = {
  "cloud-run": "gcloud run services update SERVICE",
  "cloud-run-job": "gcloud run jobs update JOB",
  "cloud-run-worker-pool": "gcloud run worker-pools update WORKER_POOL",
  "app-engine": "gcloud app deploy",
  "compute-engine": "gcloud compute instances set-service-account INSTANCE --zone ZONE --scopes cloud-platform",
};
const update = ({ platform }: D): string | undefined => platform && UPDATES[platform];

/** How the role's ARN gets into the environment of this process. */
export function setRole(d: D): string {
  const variable = "AWS_ROLE_ARN=arn:aws:iam::ACCOUNT_ID:role/ROLE_NAME";
  if (d.platform === "kubernetes")
    return `kubectl set env deployment/DEPLOYMENT ${variable} --namespace ${namespace(d)}`;
  return update(d)?.startsWith("gcloud run") ? `${update(d)} --update-env-vars ${variable}` : `export ${variable}`;
}

/** How this workload gets a Google service account, and what lets a Kubernetes service account act as that. */
export const linkAccount = (d: D): string =>
  update(d)
    ? `${update(d)} --service-account ${account(d)}`
    : `kubectl annotate serviceaccount ${kubernetesName(d)} --namespace ${namespace(d)} iam.gke.io/gcp-service-account=${account(d)}`;
export const allowAccount = (d: D): string => {
  const member = `serviceAccount:${d.projectId ?? "PROJECT_ID"}.svc.id.goog[${namespace(d)}/${kubernetesName(d)}]`;
  return `gcloud iam service-accounts add-iam-policy-binding ${account(d)} --role roles/iam.workloadIdentityUser --member ${shellWord(member)}`;
};
