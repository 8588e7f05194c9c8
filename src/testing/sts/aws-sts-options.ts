import { refuseUnknownOptions } from "../lib/refuse-unknown.js";
import { requireKnownOperators, type TrustPolicyDocument } from "./trust-policy-evaluation.js";

/** An IAM OIDC provider: an issuer that an AWS account trusts. */
export interface AwsOidcProvider {
  /**
   * Its ARN: the account, and the issuer without `https://`. For example
   * `arn:aws:iam::123456789012:oidc-provider/container.googleapis.com/v1/projects/P/locations/L/clusters/C`.
   */
  readonly arn: string;
  /** The audiences that it accepts: IAM's `ClientIDList`. */
  readonly clientIds: readonly string[];
  /** Where the issuer's public keys are. Default: where `ISSUER/.well-known/openid-configuration` says. */
  readonly jwksUri?: string | undefined;
}

/** A role that the server knows. */
export interface AwsStsRole {
  /** For example `arn:aws:iam::123456789012:role/reader`. */
  readonly arn: string;
  /** Who may assume it, for example what `createTrustPolicy` makes. */
  readonly trustPolicy: TrustPolicyDocument;
  /** The role's MaxSessionDuration in seconds. Default: 3600. */
  readonly maxSessionDuration?: number | undefined;
}

/** Options of `startAwsSts`. */
export interface AwsStsOptions {
  /** Where Google's public keys are: `jwksUri` of the metadata server. Default: none, so no Google token can be verified. */
  readonly jwksUri?: string | undefined;
  /** The IAM OIDC providers that there are, in any account. Default: none. `oidcProvider()` of a cluster issuer makes one. */
  readonly oidcProviders?: readonly AwsOidcProvider[] | undefined;
  /** The roles that there are. Others are refused as AWS refuses them. */
  readonly roles: readonly AwsStsRole[];
  /** The port on 127.0.0.1. Default: a free one. */
  readonly port?: number | undefined;
  /** Makes each session this long, whatever was asked, in seconds: to see sessions end without waiting. Default: none. */
  readonly sessionSeconds?: number | undefined;
}

const PROVIDER_ARN = /^arn:([a-z-]+):iam::(\d{12}|):oidc-provider\/(\S+)$/;

/** Refuses options that nobody would read, and policies and ARNs that would be misread. */
export function checkOptions(options: AwsStsOptions): void {
  refuseUnknownOptions("startAwsSts", options, ["jwksUri", "oidcProviders", "roles", "port", "sessionSeconds"]);
  for (const role of options.roles) {
    refuseUnknownOptions("a role of startAwsSts", role, ["arn", "trustPolicy", "maxSessionDuration"]);
    requireKnownOperators(role.trustPolicy);
  }
  for (const provider of options.oidcProviders ?? []) {
    refuseUnknownOptions("an OIDC provider of startAwsSts", provider, ["arn", "clientIds", "jwksUri"]);
    if (PROVIDER_ARN.test(provider.arn)) continue;
    throw new TypeError(
      `${provider.arn} is not the ARN of an IAM OIDC provider: arn:aws:iam::ACCOUNT_ID:oidc-provider/ISSUER`,
    );
  }
}
