import { invalidConfiguration } from "./errors/create-error.js";
import { isGoogleIssuer, providerArn } from "./lib/role-arn.js";
import { AUDIENCE, check, isPlainObject, matches, type Rule, refuseUnknownOptions } from "./options/option-rules.js";
import { DEFAULT_AUDIENCE } from "./options/options.js";

/** An IAM role's trust policy: which web identity tokens may assume the role. */
export interface TrustPolicy {
  /** The version of IAM's policy language. */
  readonly Version: "2012-10-17";
  /** One statement for each issuer; one that allows is enough. */
  readonly Statement: readonly [TrustPolicyRule, ...TrustPolicyRule[]];
}

/** One statement of a {@link TrustPolicy}: the tokens of one issuer. */
export interface TrustPolicyRule {
  /** What the statement does. */
  readonly Effect: "Allow";
  /** Whose tokens are allowed. */
  readonly Principal: {
    /** `accounts.google.com`, which is built into AWS, or the ARN of an IAM OIDC provider. */
    readonly Federated: string;
  };
  /** The one call of STS that accepts such a token. */
  readonly Action: "sts:AssumeRoleWithWebIdentity";
  /** What a token must say. */
  readonly Condition: {
    /**
     * Compared as text, exactly; all must hold. For Google: `accounts.google.com:aud` (the token's `azp`), `:oaud` (its
     * `aud`) and `:sub`. For another issuer: `ISSUER:aud` and `ISSUER:sub`, with the issuer without `https://`.
     */
    readonly StringEquals: Readonly<Record<string, string>>;
  };
}

/** `${` would begin a policy variable (IAM user guide, policy elements: variables and tags). */
// biome-ignore lint/suspicious/noTemplateCurlyInString: IAM's syntax, not JavaScript's.
const literal = (value: string): string => value.replaceAll("${", "${$}{");

/** The policy that requires these claims of a token of one of these issuers, by their names in condition keys. */
export function trustPolicyFor(federated: readonly string[], claims: Readonly<Record<string, string>>): TrustPolicy {
  const statements = federated.map((Federated): TrustPolicyRule => {
    const issuer = Federated.replace(/^.*:oidc-provider\//, "");
    const required = Object.entries(claims).map(([claim, value]) => [`${issuer}:${claim}`, literal(value)]);
    return {
      Effect: "Allow",
      Principal: { Federated },
      Action: "sts:AssumeRoleWithWebIdentity",
      Condition: { StringEquals: Object.fromEntries(required) },
    };
  });
  return { Version: "2012-10-17", Statement: statements as [TrustPolicyRule, ...TrustPolicyRule[]] };
}

/** A trust policy's length as IAM counts it: without white space. */
export const policyLength = (policy: TrustPolicy): number => JSON.stringify(policy).replaceAll(/\s/g, "").length;

/** IAM's quota for a role's trust policy, where AWS has raised it. It begins with 2048 characters. */
const MAX_TRUST_POLICY = 4_096;

/** What {@link createTrustPolicy} is made from: a Google service account, or a service account of Kubernetes clusters. */
export type TrustPolicyInit = GoogleTrustPolicyInit | ClusterTrustPolicyInit;

/** A Google service account, whose ID tokens come from the metadata server. */
export interface GoogleTrustPolicyInit {
  /**
   * The Google service account's unique id, 21 digits, as a string: a number would lose digits.
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
  /** The role's AWS account, 12 digits, as a string. */
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

/** IAM takes URLs of at most 255 characters, without query, and compares them with the token's `iss` as they are. */
const ISSUER = /^(?=.{1,255}$)https:\/\/[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::\d{1,5})?(?:\/[\w.~-]+)*$/;
const RULES: { readonly [option in keyof Required<GoogleTrustPolicyInit & ClusterTrustPolicyInit>]: Rule } = {
  serviceAccountUniqueId: ["the service account's unique id, 21 digits, as a string", matches(/^\d{21}$/)],
  audience: AUDIENCE,
  issuer: [
    "the issuer of a cluster, such as https://container.googleapis.com/v1/projects/P/locations/L/clusters/C, or an array of different ones",
    (value) => {
      const issuers: readonly unknown[] = [value].flat();
      return issuers.length > 0 && new Set(issuers).size === issuers.length && issuers.every(matches(ISSUER));
    },
  ],
  awsAccountId: ["an AWS account id, 12 digits, as a string", matches(/^\d{12}$/)],
  namespace: [
    "a Kubernetes namespace: 1 to 63 characters of [a-z0-9-]",
    matches(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/),
  ],
  serviceAccountName: [
    "the name of a Kubernetes service account: 1 to 253 characters of [a-z0-9.-]",
    matches(/^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/),
  ],
  awsPartition: ['"aws" or another partition of AWS, such as "aws-cn"', matches(/^aws(?:-[a-z]+){0,3}$/)],
};

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
 * const forCluster = createTrustPolicy({
 *   issuer: "https://container.googleapis.com/v1/projects/shop/locations/europe-west1/clusters/blue",
 *   awsAccountId: "123456789012",
 *   namespace: "shop",
 *   serviceAccountName: "orders",
 * });
 * ```
 *
 * @throws {@link GkeWorkloadIdentityError} `INVALID_CONFIGURATION` for a value that cannot be right, such as an id that is not
 * a string of 21 digits or an issuer that is not a URL; and for so many issuers that the policy passes IAM's highest limit, 4096
 * characters.
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html
 */
export function createTrustPolicy(init: TrustPolicyInit): TrustPolicy {
  check("init", init, ["an object of options", isPlainObject]);
  refuseUnknownOptions(init, Object.keys(RULES));
  const { audience = DEFAULT_AUDIENCE } = init;
  const given: Partial<GoogleTrustPolicyInit & ClusterTrustPolicyInit> = init;
  if (given.issuer !== undefined && given.serviceAccountUniqueId !== undefined)
    throw invalidConfiguration(
      "issuer and serviceAccountUniqueId exclude each other: a trust policy is for one kind of token",
    );
  check("audience", audience, RULES.audience);
  if (given.issuer !== undefined) return clusterTrustPolicy(init as ClusterTrustPolicyInit, audience);
  const ofCluster = CLUSTER_OPTIONS.find((name) => given[name] !== undefined);
  if (ofCluster) throw invalidConfiguration(`${ofCluster} is for the tokens of a cluster: pass issuer too`);
  const { serviceAccountUniqueId } = init as GoogleTrustPolicyInit;
  check("serviceAccountUniqueId", serviceAccountUniqueId, RULES.serviceAccountUniqueId);
  const claims = { aud: serviceAccountUniqueId, oaud: audience, sub: serviceAccountUniqueId };
  return trustPolicyFor(["accounts.google.com"], claims);
}

const CLUSTER_OPTIONS = ["issuer", "awsAccountId", "namespace", "serviceAccountName", "awsPartition"] as const;

function clusterTrustPolicy(init: ClusterTrustPolicyInit, aud: string): TrustPolicy {
  const { awsAccountId: accountId, namespace, serviceAccountName, awsPartition: partition = "aws" } = init;
  for (const name of CLUSTER_OPTIONS) check(name, { ...init, awsPartition: partition }[name], RULES[name]);
  const issuers = [init.issuer].flat();
  if (issuers.some(isGoogleIssuer))
    throw invalidConfiguration("issuer must be of a cluster; for Google's own tokens pass serviceAccountUniqueId");
  const providers = issuers.map((issuer) => providerArn(issuer, accountId, partition));
  const policy = trustPolicyFor(providers, { aud, sub: `system:serviceaccount:${namespace}:${serviceAccountName}` });
  const length = policyLength(policy);
  if (length <= MAX_TRUST_POLICY) return policy;
  throw invalidConfiguration(
    `issuer names ${issuers.length} clusters, which makes a trust policy of ${length} characters; IAM allows at most ${MAX_TRUST_POLICY}. Use a role for each group of clusters`,
  );
}
