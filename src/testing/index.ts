/**
 * Both clouds on loopback, and fakes, for tests.
 *
 * @module gke-aws-credentials/testing
 */
export { AwsServiceError } from "./aws-error.js";
export {
  type AwsSts,
  type AwsStsOptions,
  type AwsStsRequest,
  type AwsStsRole,
  startAwsSts,
} from "./aws-sts.js";
export type { AwsStsFault } from "./aws-sts-faults.js";
export type { AwsCaller } from "./aws-sts-sessions.js";
export {
  type FakeIdTokenProvider,
  type FakeIdTokenProviderOptions,
  fakeIdTokenProvider,
} from "./fake-id-token-provider.js";
export {
  type FakeRoleAssumer,
  type FakeRoleAssumerCall,
  type FakeRoleAssumerOptions,
  fakeRoleAssumer,
} from "./fake-role-assumer.js";
export type { FaultOptions } from "./faults.js";
export type { GoogleMetadataFault } from "./google-metadata-faults.js";
export {
  type GoogleMetadataRequest,
  type GoogleMetadataServer,
  type GoogleMetadataServerOptions,
  startGoogleMetadataServer,
} from "./google-metadata-server.js";
export type { SignedRequest } from "./sigv4.js";
export type { TrustPolicyDocument, TrustPolicyStatement } from "./trust-policy-evaluation.js";
