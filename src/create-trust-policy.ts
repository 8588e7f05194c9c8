import { type TrustPolicy, trustPolicyDocument } from "./lib/trust-policy-document.js";
import { DEFAULT_AUDIENCE } from "./options/defaults.js";
import { check, type Rule, validateAudience } from "./options/option-rules.js";

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

const UNIQUE_ID: Rule = [
  "the service account's unique id, 21 digits, as text",
  (value) => typeof value === "string" && /^\d{21}$/.test(value),
];

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
  const { serviceAccountUniqueId, audience = DEFAULT_AUDIENCE } = init;
  check("serviceAccountUniqueId", serviceAccountUniqueId, UNIQUE_ID);
  validateAudience("audience", audience);
  return trustPolicyDocument({ aud: serviceAccountUniqueId, oaud: audience, sub: serviceAccountUniqueId });
}
