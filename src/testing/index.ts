/**
 * Both clouds on loopback, and fakes, for tests.
 *
 * @module gke-aws-credentials/testing
 */

export { type ClusterIssuer, type ClusterIssuerOptions, startClusterIssuer } from "./cluster/cluster-issuer.js";
export type { ProjectedToken, ProjectedTokenFault, ProjectedTokenOptions } from "./cluster/projected-token.js";
export {
  type FakeFailures,
  type FakeIdTokenProvider,
  type FakeIdTokenProviderOptions,
  type FakeRoleAssumer,
  type FakeRoleAssumerCall,
  type FakeRoleAssumerOptions,
  fakeIdTokenProvider,
  fakeRoleAssumer,
} from "./fakes/fakes.js";
export type { GoogleMetadataFault } from "./google/google-metadata-answers.js";
export {
  type GoogleMetadataRequest,
  type GoogleMetadataServer,
  type GoogleMetadataServerOptions,
  startGoogleMetadataServer,
} from "./google/google-metadata-server.js";
export type { FaultOptions } from "./lib/faults.js";
export type { HttpFault } from "./lib/http-faults.js";
export type { TestingServer } from "./lib/loopback-server.js";
export type { OpenIdIssuer } from "./lib/openid-issuer.js";
export { AwsServiceError } from "./sts/aws-answers.js";
export { type AwsSts, type AwsStsRequest, startAwsSts } from "./sts/aws-sts.js";
export type { AwsStsFault } from "./sts/aws-sts-faults.js";
export type { AwsOidcProvider, AwsStsOptions, AwsStsRole } from "./sts/aws-sts-options.js";
export type { AwsCaller } from "./sts/aws-sts-sessions.js";
export type { SignedRequest } from "./sts/sigv4.js";
export type { TrustPolicyDocument, TrustPolicyStatement } from "./sts/trust-policy-evaluation.js";
