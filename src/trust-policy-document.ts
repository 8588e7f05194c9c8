/** An IAM role's trust policy for one Google service account and one audience. */
export interface TrustPolicy {
  readonly Version: "2012-10-17";
  readonly Statement: readonly [
    {
      readonly Effect: "Allow";
      readonly Principal: { readonly Federated: "accounts.google.com" };
      readonly Action: "sts:AssumeRoleWithWebIdentity";
      readonly Condition: {
        readonly StringEquals: {
          readonly "accounts.google.com:aud": string;
          readonly "accounts.google.com:oaud": string;
          readonly "accounts.google.com:sub": string;
        };
      };
    },
  ];
}

/** `${` would begin a policy variable (IAM user guide, policy elements: variables and tags). */
// biome-ignore lint/suspicious/noTemplateCurlyInString: IAM's syntax, not JavaScript's.
const literal = (value: string): string => value.replaceAll("${", "${$}{");

/** The policy that requires these values of a token, compared as text. */
export const trustPolicyDocument = (keys: {
  readonly aud: string;
  readonly oaud: string;
  readonly sub: string;
}): TrustPolicy => ({
  Version: "2012-10-17",
  Statement: [
    {
      Effect: "Allow",
      Principal: { Federated: "accounts.google.com" },
      Action: "sts:AssumeRoleWithWebIdentity",
      Condition: {
        StringEquals: {
          "accounts.google.com:aud": literal(keys.aud),
          "accounts.google.com:oaud": literal(keys.oaud),
          "accounts.google.com:sub": literal(keys.sub),
        },
      },
    },
  ],
});
