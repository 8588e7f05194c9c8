/**
 * Why there are no credentials. Stable: a code keeps its meaning, so that a `switch` over it is safe.
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
  | "WEB_IDENTITY_TOKEN_FILE_MISSING"
  | "WEB_IDENTITY_TOKEN_FILE_UNREADABLE"
  | "WEB_IDENTITY_TOKEN_FILE_INVALID"
  | "WEB_IDENTITY_TOKEN_FILE_EXPIRED"
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
  readonly iss?: string | undefined;
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
  readonly durationSeconds?: number | undefined;
  /** The file that the web identity token comes from. */
  readonly tokenFile?: string | undefined;
  /** The pod's Kubernetes side, as far as it is known. */
  readonly projectId?: string | undefined;
  readonly namespace?: string | undefined;
  readonly kubernetesServiceAccount?: string | undefined;
  /** A package that could not be loaded. */
  readonly packageName?: string | undefined;
  /** Environment variables that lead requests for the metadata server elsewhere, such as `GCE_METADATA_HOST`. */
  readonly detours?: readonly string[] | undefined;
  /** Where the process runs, as far as it is known: a hint for Cloud Run has no `kubectl` in it. */
  readonly platform?: Platform | undefined;
  /** Whether a credential chain may go on. Default: what the table says of the code. */
  readonly tryNextLink?: boolean | undefined;
}

/**
 * Where a process runs on Google Cloud. `kubernetes` is GKE, or another Kubernetes on Google's machines.
 * `cloud-run` is a service, which Cloud Functions are too.
 */
export type Platform = "kubernetes" | "cloud-run" | "cloud-run-job" | "cloud-run-worker-pool" | "compute-engine";
