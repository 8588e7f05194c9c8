import { invalidConfiguration } from "./errors/invalid-configuration.js";
import {
  isGoogleIssuer,
  issuerTrustPolicy,
  MAX_TRUST_POLICY,
  policyLength,
  type TrustPolicy,
  trustPolicyDocument,
} from "./lib/trust-policy-document.js";
import { DEFAULT_AUDIENCE } from "./options/defaults.js";
import { check, type Rule, validateAudience } from "./options/option-rules.js";

/** What {@link createTrustPolicy} is made from: a Google service account, or a service account of Kubernetes clusters. */
export type TrustPolicyInit = GoogleTrustPolicyInit | ClusterTrustPolicyInit;

/** A Google service account, whose ID tokens come from the metadata server. */
export interface GoogleTrustPolicyInit {
  /**
   * The Google service account's unique id, 21 digits, as text: a number would lose digits.
   * `gcloud iam service-accounts describe EMAIL --format 'value(uniqueId)'` prints it.
   */
  readonly serviceAccountUniqueId: string;
  /** The audience that tokens must be made for. Default: `sts.amazonaws.com`, as in {@link fromGkeWorkloadIdentity}. */
  readonly audience?: string | undefined;
}

/** A Kubernetes service account, whose tokens the cluster itself issues. */
export interface ClusterTrustPolicyInit {
  /**
   * The issuer of the cluster's tokens, as `kubectl get --raw /.well-known/openid-configuration` shows it; on GKE
   * `https://container.googleapis.com/v1/projects/PROJECT/locations/LOCATION/clusters/CLUSTER`. A list of issuers makes one
   * statement for each, for the same service account in several clusters.
   *
   * Each must be registered as an IAM OIDC provider of the account.
   */
  readonly issuer: string | readonly string[];
  /** The role's AWS account, 12 digits, as text. */
  readonly awsAccountId: string;
  /** The pod's namespace. */
  readonly namespace: string;
  /** The pod's Kubernetes service account. */
  readonly serviceAccountName: string;
  /** The audience that tokens must be made for. Default: `sts.amazonaws.com`, as in {@link fromGkeWorkloadIdentity}. */
  readonly audience?: string | undefined;
  /** The account's partition: `aws`, `aws-cn`, `aws-us-gov` and so on. Default: `aws`. */
  readonly awsPartition?: string | undefined;
}

const matches = (pattern: RegExp) => (value: unknown) => typeof value === "string" && pattern.test(value);

const UNIQUE_ID: Rule = ["the service account's unique id, 21 digits, as text", matches(/^\d{21}$/)];
const ACCOUNT_ID: Rule = ["an AWS account id, 12 digits, as text", matches(/^\d{12}$/)];
const PARTITION: Rule = ['"aws" or another partition of AWS, such as "aws-cn"', matches(/^aws(?:-[a-z]+){0,3}$/)];
const NAMESPACE: Rule = [
  "a Kubernetes namespace: 1 to 63 characters of [a-z0-9-]",
  matches(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/),
];
const SERVICE_ACCOUNT_NAME: Rule = [
  "the name of a Kubernetes service account: 1 to 253 characters of [a-z0-9.-]",
  matches(/^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/),
];
/** IAM takes URLs of at most 255 characters, without query, and compares them with the token's `iss` as they are. */
const ISSUER = /^(?=.{1,255}$)https:\/\/[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::\d{1,5})?(?:\/[\w.~-]+)*$/;
const ISSUERS: Rule = [
  "the issuer of a cluster, such as https://container.googleapis.com/v1/projects/P/locations/L/clusters/C, or a list of different ones",
  (value) => {
    const issuers: readonly unknown[] = [value].flat();
    return issuers.length > 0 && new Set(issuers).size === issuers.length && issuers.every(matches(ISSUER));
  },
];
const NOT_GOOGLE: Rule = [
  "the issuer of a cluster; for Google's own tokens pass serviceAccountUniqueId",
  (value) => ![value].flat().some((issuer) => isGoogleIssuer(issuer as string)),
];

/**
 * The trust policy that allows this service account's tokens, made for this audience, and nothing else.
 *
 * For a Google service account `aud` is compared with the token's `azp`, `oaud` with its `aud`. Without `oaud`, any service
 * that this workload sends a Google ID token to could replay it to AWS.
 *
 * @example
 * ```ts
 * import { createTrustPolicy } from "gke-aws-credentials";
 *
 * const forGoogleAccount = createTrustPolicy({ serviceAccountUniqueId: "111035977024964273138" });
 * const forClusters = createTrustPolicy({
 *   issuer: ["blue", "green"].map(
 *     (name) => `https://container.googleapis.com/v1/projects/shop/locations/europe-west1/clusters/${name}`,
 *   ),
 *   awsAccountId: "123456789012",
 *   namespace: "shop",
 *   serviceAccountName: "orders",
 * });
 * ```
 *
 * @throws {@link GkeWorkloadIdentityError} `INVALID_CONFIGURATION` for a value that cannot be right, such as an id that is not
 * 21 digits of text or an issuer that is not a URL; and for so many issuers that the policy passes IAM's limit of 4096
 * characters.
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html
 */
export function createTrustPolicy(init: TrustPolicyInit): TrustPolicy {
  const { audience = DEFAULT_AUDIENCE } = init;
  const given: Partial<GoogleTrustPolicyInit & ClusterTrustPolicyInit> = init;
  if (given.issuer !== undefined && given.serviceAccountUniqueId !== undefined)
    throw invalidConfiguration({
      reason: "issuer and serviceAccountUniqueId exclude each other: a trust policy is for one kind of token.",
    });
  if (!("issuer" in init)) {
    const { serviceAccountUniqueId } = init;
    check("serviceAccountUniqueId", serviceAccountUniqueId, UNIQUE_ID);
    validateAudience("audience", audience);
    return trustPolicyDocument({ aud: serviceAccountUniqueId, oaud: audience, sub: serviceAccountUniqueId });
  }
  validateAudience("audience", audience);
  return clusterTrustPolicy(init, audience);
}

function clusterTrustPolicy(init: ClusterTrustPolicyInit, aud: string): TrustPolicy {
  const { issuer, awsAccountId, namespace, serviceAccountName, awsPartition } = init;
  check("issuer", issuer, ISSUERS);
  check("issuer", issuer, NOT_GOOGLE);
  check("awsAccountId", awsAccountId, ACCOUNT_ID);
  check("namespace", namespace, NAMESPACE);
  check("serviceAccountName", serviceAccountName, SERVICE_ACCOUNT_NAME);
  if (awsPartition !== undefined) check("awsPartition", awsPartition, PARTITION);
  const issuers = [issuer].flat() as [string, ...string[]];
  const account = { accountId: awsAccountId, partition: awsPartition };
  const policy = issuerTrustPolicy(issuers, account, {
    aud,
    sub: `system:serviceaccount:${namespace}:${serviceAccountName}`,
  });
  const length = policyLength(policy);
  if (length <= MAX_TRUST_POLICY) return policy;
  throw invalidConfiguration({
    reason: `issuer names ${issuers.length} clusters, which makes a trust policy of ${length} characters; IAM allows at most ${MAX_TRUST_POLICY}. Use a role for each group of clusters.`,
  });
}
