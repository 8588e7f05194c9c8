import { parseRoleArn } from "../lib/role-arn.js";
import { shellOption } from "../lib/shell-word.js";
import { isGoogleIssuer, providerArn } from "../lib/trust-policy-document.js";
import { audienceOf, awsAccount } from "./commands.js";
import type { ErrorDetails } from "./error-codes.js";

/** Words and commands that depend on who made the token. All details are safe. */
type D = ErrorDetails;

/** Whether the token names an issuer other than Google: a cluster. */
export const isClusterToken = ({ claims }: D): boolean => claims?.iss !== undefined && !isGoogleIssuer(claims.iss);

export const issuerOf = (d: D): string => (isClusterToken(d) ? (d.claims?.iss ?? "ISSUER") : "Google");

export const tokenName = (d: D): string => (isClusterToken(d) ? `token of ${issuerOf(d)}` : "Google ID token");

const provider = (d: D): string =>
  shellOption(
    "--open-id-connect-provider-arn",
    providerArn(isClusterToken(d) ? issuerOf(d) : "https://accounts.google.com", {
      accountId: awsAccount(d),
      partition: parseRoleArn(d.roleArn)?.partition,
    }),
  );

const audience = (d: D): string => audienceOf(d) ?? "sts.amazonaws.com";

/** STS says in its text what is wrong with an issuer that is not Google. */
type Problem = "google" | "no provider" | "audience" | "other";

function problemOf(d: D): Problem {
  if (!isClusterToken(d)) return "google";
  if (/no openidconnect provider/i.test(d.reason ?? "")) return "no provider";
  return /audience/i.test(d.reason ?? "") ? "audience" : "other";
}

const HINTS: Readonly<Record<Problem, (d: D) => string>> = {
  google: () =>
    "Check that the token's issuer is https://accounts.google.com. Google is built into AWS, and an IAM OIDC provider for accounts.google.com breaks that: see whether there is one, and delete it:",
  "no provider": (d) =>
    `Check the account id ${awsAccount(d)} in the role's ARN. The account must trust the cluster: register its issuer as an IAM OIDC provider, once for each cluster:`,
  audience: (d) =>
    `Check the option audience (or --audience), and the audience of the pod's token volume. The IAM OIDC provider must list ${audience(d)} as a client id. See the provider, and add the client id:`,
  other: (d) =>
    `AWS verifies the token with the keys that ${issuerOf(d)} publishes. A cluster that was made again signs with new keys: restart the pod, so that it has a token of this cluster. See the provider:`,
};

const COMMANDS: Readonly<Record<Problem, (d: D) => readonly string[]>> = {
  google: (d) => ["aws iam list-open-id-connect-providers", `aws iam delete-open-id-connect-provider ${provider(d)}`],
  "no provider": (d) => [
    "aws iam list-open-id-connect-providers",
    `aws iam create-open-id-connect-provider ${shellOption("--url", issuerOf(d))} ${shellOption("--client-id-list", audience(d))}`,
  ],
  audience: (d) => [
    `aws iam get-open-id-connect-provider ${provider(d)}`,
    `aws iam add-client-id-to-open-id-connect-provider ${provider(d)} ${shellOption("--client-id", audience(d))}`,
  ],
  other: (d) => [`aws iam get-open-id-connect-provider ${provider(d)}`],
};

export const invalidTokenHint = (d: D): string => HINTS[problemOf(d)](d);
export const invalidTokenCommands = (d: D): readonly string[] => COMMANDS[problemOf(d)](d);
