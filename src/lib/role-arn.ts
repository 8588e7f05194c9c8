const AWS = "(aws(?:-[a-z]+)*):iam::(\\d{12})";
const OTHER = "([a-z][a-z0-9-]*):iam::()";
const ROLE = ":role\\/(?:[\\x21-\\x7e]{1,510}\\/)?([\\w+=,.@-]{1,64})";
const ROLE_ARN = new RegExp(`^arn:(?:${AWS}|${OTHER})${ROLE}$`);

/**
 * The parts of a role ARN; undefined for what is not one. The account id is empty for roles of other STS implementations
 * (Ceph: `arn:aws:iam:::role/x`). See https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
 */
export function parseRoleArn(text: unknown) {
  const match = typeof text === "string" ? ROLE_ARN.exec(text) : null;
  if (!match) return undefined;
  const [, awsPartition, accountId = "", otherPartition, , roleName = ""] = match;
  return { partition: awsPartition ?? otherPartition ?? "", accountId, roleName };
}

const GOOGLE = "accounts.google.com";

/** Whether a token's `iss` is Google's, which AWS knows without an IAM OIDC provider. It comes with and without `https://`. */
export const isGoogleIssuer = (issuer: string | undefined): boolean =>
  issuer === `https://${GOOGLE}` || issuer === GOOGLE;

/** An issuer as IAM writes it: without the scheme. */
export const issuerName = (issuer: string): string => issuer.replace(/^https?:\/\//, "");

/** The ARN of the IAM OIDC provider for an issuer. */
export const providerArn = (issuer: string, accountId: string, partition = "aws"): string =>
  `arn:${partition}:iam::${accountId}:oidc-provider/${issuerName(issuer)}`;
