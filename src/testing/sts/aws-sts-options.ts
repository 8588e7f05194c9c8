import { type Names, refuseUnknownOptions } from "../lib/refuse-unknown.js";
import type { AwsOidcProvider } from "./oidc-providers.js";
import type { TrustPolicyDocument } from "./trust-policy-evaluation.js";

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

const OPTIONS: Names<AwsStsOptions> = {
  jwksUri: true,
  oidcProviders: true,
  roles: true,
  port: true,
  sessionSeconds: true,
};
const ROLE: Names<AwsStsRole> = { arn: true, trustPolicy: true, maxSessionDuration: true };
const OIDC_PROVIDER: Names<AwsOidcProvider> = { arn: true, clientIds: true, jwksUri: true };

/** Refuses options that nobody would read. */
export function requireKnownOptions(options: AwsStsOptions): void {
  refuseUnknownOptions("startAwsSts", options, OPTIONS);
  for (const role of options.roles) refuseUnknownOptions("a role of startAwsSts", role, ROLE);
  for (const provider of options.oidcProviders ?? [])
    refuseUnknownOptions("an OIDC provider of startAwsSts", provider, OIDC_PROVIDER);
}
