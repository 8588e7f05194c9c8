import { AwsServiceError } from "./aws-error.js";

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

type Claims = Readonly<Record<string, unknown>>;

/** Whose token it is: what a trust policy calls its issuer, and where the keys for it are. */
export interface TokenIssuer {
  /** The `Federated` principal of a trust policy. */
  readonly principal: string;
  /** What stands before the colon in condition keys, such as `accounts.google.com` in `accounts.google.com:sub`. */
  readonly keyPrefix: string;
  readonly jwksUri: string | undefined;
  /** The audiences that are accepted; undefined for Google, whose tokens only the trust policy judges. */
  readonly clientIds: readonly string[] | undefined;
}

/** Built into AWS, without an IAM OIDC provider. */
const GOOGLE_ISSUERS: readonly unknown[] = ["https://accounts.google.com", "accounts.google.com"];
const GOOGLE = "accounts.google.com";
const PROVIDER_ARN = /^arn:([a-z-]+):iam::(\d{12}|):oidc-provider\/(\S+)$/;

/** Refuses an ARN that no token could ever match. */
export function requireProviderArns(providers: readonly AwsOidcProvider[]): void {
  for (const { arn } of providers) {
    if (PROVIDER_ARN.test(arn)) continue;
    throw new TypeError(`${arn} is not the ARN of an IAM OIDC provider: arn:aws:iam::ACCOUNT_ID:oidc-provider/ISSUER`);
  }
}

/**
 * The issuer of a token, as the account of the role knows it.
 *
 * @throws AwsServiceError `InvalidIdentityToken` where the account has no provider for it.
 */
export function findIssuer(
  { iss }: Claims,
  roleArn: string,
  {
    oidcProviders = [],
    jwksUri,
  }: { oidcProviders?: readonly AwsOidcProvider[] | undefined; jwksUri?: string | undefined },
): TokenIssuer {
  if (GOOGLE_ISSUERS.includes(iss)) return { principal: GOOGLE, keyPrefix: GOOGLE, jwksUri, clientIds: undefined };
  const issuer = String(iss);
  const keyPrefix = issuer.replace(/^https?:\/\//, "");
  const [, partition, , , account] = roleArn.split(":");
  const principal = `arn:${partition}:iam::${account}:oidc-provider/${keyPrefix}`;
  const provider = oidcProviders.find(({ arn }) => arn === principal);
  if (!provider) {
    throw new AwsServiceError("InvalidIdentityToken", `No OpenIDConnect provider found in your account for ${issuer}`);
  }
  return { principal, keyPrefix, jwksUri: provider.jwksUri ?? discoveryOf(issuer), clientIds: provider.clientIds };
}

const discoveryOf = (issuer: string): string => `${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`;
