import { DEFAULT_PARTITION } from "./role-arn.js";

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

const rule = (federated: string, prefix: string, keys: Readonly<Record<string, string>>): TrustPolicyRule => ({
  Effect: "Allow",
  Principal: { Federated: federated },
  Action: "sts:AssumeRoleWithWebIdentity",
  Condition: {
    StringEquals: Object.fromEntries(Object.entries(keys).map(([key, value]) => [`${prefix}:${key}`, literal(value)])),
  },
});

const GOOGLE = "accounts.google.com";

/** Whether a token's `iss` is Google's, which AWS knows without an IAM OIDC provider. */
export const isGoogleIssuer = (issuer: string | undefined): boolean =>
  issuer === `https://${GOOGLE}` || issuer === GOOGLE;

/** The policy that requires these values of a Google ID token. */
export const trustPolicyDocument = (keys: {
  readonly aud: string;
  readonly oaud: string;
  readonly sub: string;
}): TrustPolicy => ({
  Version: "2012-10-17",
  Statement: [rule(GOOGLE, GOOGLE, { aud: keys.aud, oaud: keys.oaud, sub: keys.sub })],
});

/** Where an IAM OIDC provider lives. */
export interface ProviderAccount {
  readonly accountId: string;
  /** Default: `aws`. */
  readonly partition?: string | undefined;
}

/** An issuer as IAM writes it: without the scheme. */
export const issuerName = (issuer: string): string => issuer.replace(/^https?:\/\//, "");

/** The ARN of the IAM OIDC provider for an issuer. */
export const providerArn = (issuer: string, { accountId, partition = DEFAULT_PARTITION }: ProviderAccount): string =>
  `arn:${partition}:iam::${accountId}:oidc-provider/${issuerName(issuer)}`;

/** The policy that requires these values of a token of one of these issuers, each an IAM OIDC provider of the account. */
export function issuerTrustPolicy(
  [first, ...others]: readonly [string, ...string[]],
  account: ProviderAccount,
  { aud, sub }: { readonly aud: string; readonly sub: string },
): TrustPolicy {
  const of = (issuer: string): TrustPolicyRule => rule(providerArn(issuer, account), issuerName(issuer), { aud, sub });
  return { Version: "2012-10-17", Statement: [of(first), ...others.map(of)] };
}

/** A trust policy's length as IAM counts it: without white space. */
export const policyLength = (policy: TrustPolicy): number => JSON.stringify(policy).replaceAll(/\s/g, "").length;

/** IAM's quota for a role's trust policy: 2048 characters, 4096 on request. */
export const TRUST_POLICY_QUOTA = 2_048;
export const MAX_TRUST_POLICY = 4_096;
