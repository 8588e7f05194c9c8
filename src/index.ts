/**
 * The provider, its error and the trust policy.
 *
 * @module gke-aws-credentials
 */

export {
  GkeWorkloadIdentityError,
  type GkeWorkloadIdentityErrorCode,
  isGkeWorkloadIdentityError,
} from "./errors/error.js";
export {
  fromGkeWorkloadIdentity,
  type GkeWorkloadIdentityProperties,
  type GkeWorkloadIdentityProvider,
} from "./from-gke-workload-identity.js";
export type {
  GkeWorkloadIdentityEvent,
  RefreshFailedEvent,
  RefreshReason,
  RefreshStartedEvent,
  RefreshSucceededEvent,
  StaleServedEvent,
  StsRegionDefaultedEvent,
  StsRegionFailoverEvent,
} from "./options/events.js";
export type { FromGkeWorkloadIdentityInit, IdTokenProvider } from "./options/options.js";
export type { AwsSession } from "./sts/session.js";
export {
  type ClusterTrustPolicyInit,
  createTrustPolicy,
  type GoogleTrustPolicyInit,
  type TrustPolicy,
  type TrustPolicyInit,
  type TrustPolicyRule,
} from "./trust-policy.js";
