import { GkeWorkloadIdentityError } from "./errors.js";
import { showValue } from "./show-value.js";

/** What {@link createTrustPolicy} is made from. */
export interface TrustPolicyInit {
  /**
   * The Google service account's unique id, 21 digits, as text: a number would lose digits.
   * `gcloud iam service-accounts describe EMAIL --format 'value(uniqueId)'` prints it.
   */
  readonly serviceAccountUniqueId: string;
  /** The audience that tokens must be made for. Default: `sts.amazonaws.com`, as in {@link fromGkeWorkloadIdentity}. */
  readonly audience?: string | undefined;
}

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

/**
 * The trust policy that lets in this service account's tokens, made for this audience, and nothing else.
 *
 * `aud` is compared with the token's `azp`, `oaud` with its `aud`. Without `oaud`, any service that this workload sends
 * a Google ID token to could replay it to AWS.
 *
 * @throws {@link GkeWorkloadIdentityError} `INVALID_CONFIGURATION` for an id that is not 21 digits of text or an empty audience.
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html
 */
export function createTrustPolicy(init: TrustPolicyInit): TrustPolicy {
  const { serviceAccountUniqueId, audience = "sts.amazonaws.com" } = init;
  if (typeof serviceAccountUniqueId !== "string" || !/^\d{21}$/.test(serviceAccountUniqueId)) {
    throw invalid(
      "serviceAccountUniqueId",
      serviceAccountUniqueId,
      "the service account's unique id, 21 digits, as text",
    );
  }
  if (typeof audience !== "string" || audience.trim() === "") {
    throw invalid("audience", audience, "a text that is not empty");
  }
  return {
    Version: "2012-10-17",
    Statement: [
      {
        Effect: "Allow",
        Principal: { Federated: "accounts.google.com" },
        Action: "sts:AssumeRoleWithWebIdentity",
        Condition: {
          StringEquals: {
            "accounts.google.com:aud": serviceAccountUniqueId,
            "accounts.google.com:oaud": audience,
            "accounts.google.com:sub": serviceAccountUniqueId,
          },
        },
      },
    ],
  };
}

const invalid = (name: string, value: unknown, allowed: string): GkeWorkloadIdentityError =>
  new GkeWorkloadIdentityError("INVALID_CONFIGURATION", {
    reason: `${name} is ${showValue(value)}, but must be ${allowed}.`,
  });
