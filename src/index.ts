/**
 * The provider, its error and the trust policy.
 *
 * @module gke-aws-credentials
 */
export type { AwsSession } from "./assume-role.js";
export { GkeWorkloadIdentityError, type GkeWorkloadIdentityErrorCode } from "./errors.js";
export type {
  GkeWorkloadIdentityEvent,
  RefreshFailedEvent,
  RefreshStartedEvent,
  RefreshSucceededEvent,
  StaleServedEvent,
  StsRegionDefaultedEvent,
  StsRegionFailoverEvent,
} from "./events.js";
export {
  fromGkeWorkloadIdentity,
  type GkeWorkloadIdentityProperties,
  type GkeWorkloadIdentityProvider,
} from "./from-gke-workload-identity.js";
export type { FromGkeWorkloadIdentityInit, IdTokenProvider } from "./options.js";
export { createTrustPolicy, type TrustPolicyInit } from "./trust-policy.js";
export type { TrustPolicy } from "./trust-policy-document.js";
