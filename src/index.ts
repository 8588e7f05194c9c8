/**
 * The provider, its error and the trust policy.
 *
 * @module gke-aws-credentials
 */

export {
  type ClusterTrustPolicyInit,
  createTrustPolicy,
  type GoogleTrustPolicyInit,
  type TrustPolicyInit,
} from "./create-trust-policy.js";
export {
  GkeWorkloadIdentityError,
  type GkeWorkloadIdentityErrorCode,
  isGkeWorkloadIdentityError,
} from "./errors/gke-workload-identity-error.js";
export {
  fromGkeWorkloadIdentity,
  type GkeWorkloadIdentityProperties,
  type GkeWorkloadIdentityProvider,
} from "./from-gke-workload-identity.js";
export type { RefreshReason } from "./lib/refresh-reason.js";
export type { TrustPolicy, TrustPolicyRule } from "./lib/trust-policy-document.js";
export type {
  GkeWorkloadIdentityEvent,
  RefreshFailedEvent,
  RefreshStartedEvent,
  RefreshSucceededEvent,
  StaleServedEvent,
  StsRegionDefaultedEvent,
  StsRegionFailoverEvent,
} from "./options/events.js";
export type { FromGkeWorkloadIdentityInit, IdTokenProvider } from "./options/options.js";
export type { AwsSession } from "./sts/assume-role.js";
