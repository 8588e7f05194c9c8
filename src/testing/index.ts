/**
 * Both clouds on loopback, and fakes, for tests.
 *
 * @module gke-aws-credentials/testing
 */

export { type ClusterIssuer, type ClusterIssuerOptions, startClusterIssuer } from "./cluster/cluster-issuer.js";
export type { ProjectedToken, ProjectedTokenFault, ProjectedTokenOptions } from "./cluster/projected-token.js";
export type { FakeFailures } from "./fakes/fake-failures.js";
export {
  type FakeIdTokenProvider,
  type FakeIdTokenProviderOptions,
  fakeIdTokenProvider,
} from "./fakes/fake-id-token-provider.js";
export {
  type FakeRoleAssumer,
  type FakeRoleAssumerCall,
  type FakeRoleAssumerOptions,
  fakeRoleAssumer,
} from "./fakes/fake-role-assumer.js";
export type { GoogleMetadataFault } from "./google/google-metadata-faults.js";
export {
  type GoogleMetadataRequest,
  type GoogleMetadataServer,
  type GoogleMetadataServerOptions,
  startGoogleMetadataServer,
} from "./google/google-metadata-server.js";
export type { FaultOptions } from "./lib/faults.js";
export type { HttpFault } from "./lib/http-faults.js";
export type { OpenIdIssuer } from "./lib/openid-issuer.js";
export type { TestingServer } from "./lib/testing-server.js";
export { AwsServiceError } from "./sts/aws-error.js";
export { type AwsSts, type AwsStsRequest, startAwsSts } from "./sts/aws-sts.js";
export type { AwsStsFault } from "./sts/aws-sts-faults.js";
export type { AwsStsOptions, AwsStsRole } from "./sts/aws-sts-options.js";
export type { AwsCaller } from "./sts/aws-sts-sessions.js";
export type { AwsOidcProvider } from "./sts/oidc-providers.js";
export type { SignedRequest } from "./sts/request-signature.js";
export type { TrustPolicyDocument, TrustPolicyStatement } from "./sts/trust-policy-evaluation.js";
