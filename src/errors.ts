import { createRequire } from "node:module";
import type { CredentialsProviderError } from "@smithy/property-provider";

/**
 * Why credentials could not be had. Stable: a code keeps its meaning, so that a `switch` over it is safe.
 */
export type GkeWorkloadIdentityErrorCode =
  | "NOT_ON_GOOGLE_CLOUD"
  | "MISSING_ROLE_ARN"
  | "INVALID_CONFIGURATION"
  | "METADATA_UNAVAILABLE"
  | "METADATA_TIMEOUT"
  | "NO_GOOGLE_SERVICE_ACCOUNT"
  | "GOOGLE_PERMISSION_DENIED"
  | "INVALID_ID_TOKEN"
  | "STS_ACCESS_DENIED"
  | "STS_INVALID_TOKEN"
  | "STS_EXPIRED_TOKEN"
  | "STS_IDP_UNREACHABLE"
  | "STS_REGION_DISABLED"
  | "STS_POLICY_INVALID"
  | "STS_THROTTLED"
  | "STS_UNREACHABLE"
  | "STS_INVALID_RESPONSE";

/** The claims of an ID token that a trust policy can look at: who, and for whom; none of it is secret. */
export interface IdentityClaims {
  readonly azp?: string | undefined;
  readonly aud?: string | readonly string[] | undefined;
  readonly sub?: string | undefined;
  readonly email?: string | undefined;
}

/** Real values that an error's message and hint are filled in with. Never a token or a key. */
export interface ErrorDetails {
  readonly reason?: string | undefined;
  readonly roleArn?: string | undefined;
  readonly audience?: string | undefined;
  readonly region?: string | undefined;
  readonly serviceAccountEmail?: string | undefined;
  readonly claims?: IdentityClaims | undefined;
}

interface ErrorEntry {
  readonly message: (details: ErrorDetails) => string;
  readonly hint: (details: ErrorDetails) => string;
  readonly retryable: boolean;
  readonly tryNextLink: boolean;
}

const because = (details: ErrorDetails): string => (details.reason ? `: ${details.reason}` : ".");
const role = (details: ErrorDetails): string => details.roleArn ?? "the role";
const roleName = (details: ErrorDetails): string => details.roleArn?.split("/").at(-1) ?? "ROLE_NAME";
const account = (details: ErrorDetails): string =>
  details.claims?.email ??
  (details.serviceAccountEmail?.includes("@")
    ? details.serviceAccountEmail
    : "GSA_NAME@PROJECT_ID.iam.gserviceaccount.com");
const sts = (details: ErrorDetails): string => (details.region ? `STS in ${details.region}` : "STS");

/** The IAM condition values that the token behind `claims` satisfies (AWS IAM user guide, keys for OIDC federation). */
const conditions = ({ claims = {} }: ErrorDetails): string => {
  const aud = typeof claims.aud === "string" ? claims.aud : claims.aud?.[0];
  const shown = {
    "accounts.google.com:aud": claims.azp ?? aud ?? "UNIQUE_ID",
    "accounts.google.com:oaud": aud ?? "AUDIENCE",
    "accounts.google.com:sub": claims.sub ?? "UNIQUE_ID",
  };
  return JSON.stringify({ StringEquals: shown });
};

const REFUSED = { retryable: false, tryNextLink: false } as const;
const TRANSIENT = { retryable: true, tryNextLink: false } as const;

/** What each code says and what mends it. The one source of every message and hint. */
const ERRORS: Readonly<Record<GkeWorkloadIdentityErrorCode, ErrorEntry>> = {
  NOT_ON_GOOGLE_CLOUD: {
    message: (d) => `This process does not run on Google Cloud${because(d)}`,
    hint: () =>
      "Elsewhere use createCredentialChain(fromGkeWorkloadIdentity(), fromNodeProviderChain()). On Google Cloud, check that GCE_METADATA_HOST and METADATA_SERVER_DETECTION are not set by mistake.",
    retryable: false,
    tryNextLink: true,
  },
  MISSING_ROLE_ARN: {
    message: () =>
      "No AWS role to assume: neither the option roleArn nor the environment variable AWS_ROLE_ARN is set.",
    hint: () =>
      'Pass fromGkeWorkloadIdentity({ roleArn: "arn:aws:iam::ACCOUNT_ID:role/ROLE_NAME" }) or set AWS_ROLE_ARN in the pod.',
    ...REFUSED,
  },
  INVALID_CONFIGURATION: {
    message: (d) => d.reason ?? "The configuration is not valid.",
    hint: () => "Correct the value that the message names.",
    ...REFUSED,
  },
  METADATA_UNAVAILABLE: {
    message: (d) => `The Google metadata server gave no ID token${because(d)}`,
    hint: () =>
      "Check that the node pool runs the GKE metadata server (gcloud container node-pools describe NODE_POOL --cluster CLUSTER --format 'value(config.workloadMetadataConfig.mode)' prints GKE_METADATA) and that no NetworkPolicy stops egress to 169.254.169.252:988 or 169.254.169.254:80.",
    ...TRANSIENT,
  },
  METADATA_TIMEOUT: {
    message: (d) => `The Google metadata server did not answer in time${because(d)}`,
    hint: () =>
      "Check that no NetworkPolicy stops egress to 169.254.169.252:988 or 169.254.169.254:80, and that the gke-metadata-server pod of this node is healthy: kubectl get pods -n kube-system -l k8s-app=gke-metadata-server -o wide.",
    ...TRANSIENT,
  },
  NO_GOOGLE_SERVICE_ACCOUNT: {
    message: (d) => `The metadata server has no Google service account for this workload${because(d)}`,
    hint: (d) =>
      `ID tokens need a Google service account. Link one to the pod's Kubernetes service account: kubectl annotate serviceaccount KSA_NAME --namespace NAMESPACE iam.gke.io/gcp-service-account=${account(d)}, check that it exists: gcloud iam service-accounts describe ${account(d)}, then restart the pod.`,
    ...REFUSED,
  },
  GOOGLE_PERMISSION_DENIED: {
    message: (d) => `Google refused this workload an ID token of its service account${because(d)}`,
    hint: (d) =>
      `Let the Kubernetes service account act as the Google one: gcloud iam service-accounts add-iam-policy-binding ${account(d)} --role roles/iam.workloadIdentityUser --member "serviceAccount:PROJECT_ID.svc.id.goog[NAMESPACE/KSA_NAME]".`,
    ...REFUSED,
  },
  INVALID_ID_TOKEN: {
    message: (d) => `The Google ID token cannot be used${because(d)}`,
    hint: (d) =>
      `An ID token for ${d.audience ?? "the audience"} is wanted: a signed JWT that has not expired. Check the idTokenProvider if one is given, and this machine's clock.`,
    ...REFUSED,
  },
  STS_ACCESS_DENIED: {
    message: (d) => `STS refused to let this workload assume ${role(d)}${because(d)}`,
    hint: (d) =>
      `The role's trust policy must allow sts:AssumeRoleWithWebIdentity to the principal {"Federated":"accounts.google.com"} under the condition ${conditions(d)}${d.claims?.email ? ` (the token of ${d.claims.email})` : ""}. See it: aws iam get-role --role-name ${roleName(d)} --query Role.AssumeRolePolicyDocument. The same answer comes for a mistyped account or role name, and for an organisation's policy that denies it.`,
    ...REFUSED,
  },
  STS_INVALID_TOKEN: {
    message: (d) => `STS did not accept the Google ID token${because(d)}`,
    hint: () =>
      "Google is built into AWS: delete any IAM OIDC provider for accounts.google.com (aws iam list-open-id-connect-providers), which breaks the built-in one, and check that the token's issuer is https://accounts.google.com.",
    ...REFUSED,
  },
  STS_EXPIRED_TOKEN: {
    message: (d) => `STS says that the Google ID token has expired${because(d)}`,
    hint: () => "A fresh token was tried as well: check this machine's clock (date -u) against the true time.",
    ...REFUSED,
  },
  STS_IDP_UNREACHABLE: {
    message: (d) => `${sts(d)} could not reach Google to verify the ID token${because(d)}`,
    hint: () => "This passes by itself and was retried. If it lasts, list a second region in stsRegions.",
    ...TRANSIENT,
  },
  STS_REGION_DISABLED: {
    message: (d) => `${sts(d)} is switched off for this AWS account${because(d)}`,
    hint: (d) =>
      `Activate it (aws account enable-region --region-name ${d.region ?? "REGION"}), or name another region in clientConfig.region.`,
    ...REFUSED,
  },
  STS_POLICY_INVALID: {
    message: (d) => `STS did not accept the session policy${because(d)}`,
    hint: () => "Correct the options policy and policyArns; together they may hold 2048 characters.",
    ...REFUSED,
  },
  STS_THROTTLED: {
    message: (d) => `${sts(d)} is throttling this account${because(d)}`,
    hint: () => "Share one provider between all clients of the process, and spread the start of pods.",
    ...TRANSIENT,
  },
  STS_UNREACHABLE: {
    message: (d) => `${sts(d)} could not be reached or is failing${because(d)}`,
    hint: (d) =>
      `Check egress from the pod: curl -sS -o /dev/null -w '%{http_code}' https://sts.${d.region ?? "REGION"}.amazonaws.com. Behind a proxy, give clientConfig.requestHandler. List a second region in stsRegions.`,
    ...TRANSIENT,
  },
  STS_INVALID_RESPONSE: {
    message: (d) => `${sts(d)} gave an answer that cannot be used${because(d)}`,
    hint: () =>
      "Check that AWS_ENDPOINT_URL_STS, clientConfig.endpoint and any proxy lead to STS, and this machine's clock (date -u).",
    ...REFUSED,
  },
};

const BRAND = Symbol.for("gke-aws-credentials.GkeWorkloadIdentityError");
let based = false;

/**
 * Puts the SDK's CredentialsProviderError under ours at the first failure, not at import: loading it costs more than
 * all of this package. In a bundle without node_modules it is not there to load, and Error stays the base.
 */
function standOnCredentialsProviderError(): void {
  if (based) return;
  based = true;
  try {
    const load = createRequire(import.meta.url);
    const base: { CredentialsProviderError: typeof CredentialsProviderError } = load("@smithy/property-provider");
    Object.setPrototypeOf(GkeWorkloadIdentityError.prototype, base.CredentialsProviderError.prototype);
  } catch {}
}

const LazyCredentialsProviderError = Error as unknown as typeof CredentialsProviderError;

/**
 * The only error that a provider of this package throws.
 *
 * `message` says what happened, {@link hint} what to do about it, {@link code} is for programs, and `cause` keeps the
 * original failure. None of them holds a token, a secret key or a session token.
 */
export class GkeWorkloadIdentityError extends LazyCredentialsProviderError {
  override readonly name: string = "GkeWorkloadIdentityError";
  /** Which failure this is. */
  readonly code: GkeWorkloadIdentityErrorCode;
  /** What to do, with the command to run where there is one. */
  readonly hint: string;
  /** True only where a credential chain may go on to its next provider: off Google Cloud. */
  override readonly tryNextLink: boolean;

  constructor(code: GkeWorkloadIdentityErrorCode, details: ErrorDetails = {}, options?: ErrorOptions) {
    standOnCredentialsProviderError();
    const entry = ERRORS[code];
    super(entry.message(details));
    this.code = code;
    this.hint = entry.hint(details);
    this.tryNextLink = entry.tryNextLink;
    if (options?.cause !== undefined) {
      Object.defineProperty(this, "cause", { value: options.cause, configurable: true, writable: true });
    }
    Object.defineProperty(this, BRAND, { value: true });
  }

  /** Holds across the ESM and the CommonJS copy of this package. */
  static override [Symbol.hasInstance](this: unknown, value: unknown): boolean {
    // biome-ignore lint/complexity/noThisInStatic: a subclass inherits this, and keeps the language's own rule.
    const isSubclass = this !== GkeWorkloadIdentityError;
    // biome-ignore lint/complexity/noThisInStatic: see above.
    if (isSubclass) return Function.prototype[Symbol.hasInstance].call(this, value);
    return typeof value === "object" && value !== null && BRAND in value;
  }
}

/** Whether the same call may succeed a moment later. */
export const isRetryable = (error: unknown): boolean =>
  error instanceof GkeWorkloadIdentityError && ERRORS[error.code].retryable;
