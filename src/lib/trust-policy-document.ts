/** An IAM role's trust policy for one Google service account and one audience. */
export interface TrustPolicy {
  /** The version of IAM's policy language. */
  readonly Version: "2012-10-17";
  /** One statement: nothing but this service account gets in. */
  readonly Statement: readonly [
    {
      /** What the statement does. */
      readonly Effect: "Allow";
      /** Whose tokens: Google's, an identity provider that AWS has built in. */
      readonly Principal: {
        /** The provider's name in IAM. */
        readonly Federated: "accounts.google.com";
      };
      /** The one call of STS that takes such a token. */
      readonly Action: "sts:AssumeRoleWithWebIdentity";
      /** What a token must say. */
      readonly Condition: {
        /** Compared as text, exactly; all three must hold. */
        readonly StringEquals: {
          /** The token's `azp`: the service account's unique id. */
          readonly "accounts.google.com:aud": string;
          /** The token's `aud`: whom it was made for. */
          readonly "accounts.google.com:oaud": string;
          /** The token's `sub`: the service account's unique id. */
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
