import * as say from "./commands.js";
import type { GkeWorkloadIdentityErrorCode } from "./error-codes.js";
import type { ErrorEntry } from "./error-entry.js";
import { INVALID_CONFIGURATION } from "./invalid-configuration.js";
import { TOKEN_FILE_ERRORS } from "./token-file-errors.js";
import { invalidTokenCommands, invalidTokenHint, isClusterToken, issuerOf, tokenName } from "./token-issuer.js";

const REFUSED = { retryable: false, tryNextLink: false } as const;
const TRANSIENT = { retryable: true, tryNextLink: false } as const;

/** What each code says and what fixes it: the one source of every message and hint, and of docs/troubleshooting.md. */
export const ERRORS: Readonly<Record<GkeWorkloadIdentityErrorCode, ErrorEntry>> = {
  NOT_ON_GOOGLE_CLOUD: {
    message: (d) => `This process does not run on Google Cloud${say.because(d)}`,
    hint: () =>
      "Elsewhere use createCredentialChain(fromGkeWorkloadIdentity(), fromNodeProviderChain()) of @aws-sdk/credential-providers. On Google Cloud, check that these variables are not set by mistake:",
    commands: () => ["env | grep -E 'GCE_METADATA|METADATA_SERVER_DETECTION'"],
    causes: [
      "The process runs on a laptop, in CI or on another cloud.",
      "Something other than Google's metadata server answers at 169.254.169.254.",
      "`METADATA_SERVER_DETECTION` is `none`, or `bios-only` inside a sandbox.",
    ],
    retryable: false,
    tryNextLink: true,
  },
  MISSING_ROLE_ARN: {
    message: () =>
      "No AWS role to assume: neither the option roleArn nor the environment variable AWS_ROLE_ARN is set.",
    hint: () =>
      'Set AWS_ROLE_ARN, or pass the role: in code fromGkeWorkloadIdentity({ roleArn: "arn:aws:iam::ACCOUNT_ID:role/ROLE_NAME" }), to the command its ARN:',
    commands: say.setRole,
    causes: ["The pod's manifest sets no `AWS_ROLE_ARN`, and the code passes no `roleArn`."],
    ...REFUSED,
  },
  INVALID_CONFIGURATION,
  METADATA_UNAVAILABLE: {
    message: (d) => `The Google metadata server gave no ID token${say.because(d)}`,
    hint: (d) =>
      say.isOffKubernetes(d)
        ? `${say.detour(d)}Check that the metadata server answers, and that no firewall stops egress to it:`
        : `${say.detour(d)}On GKE, check that the node pool runs the GKE metadata server (the command prints GKE_METADATA) and that ${say.METADATA_EGRESS}.`,
    commands: say.checkMetadataServer,
    causes: [
      "The metadata server refuses connections for longer than `timeoutMs`: a pod's first seconds, or a node without it.",
      "Something else answers at the address in `GCE_METADATA_HOST`.",
      "It answers 429 or 5xx.",
      "The `idTokenProvider` failed.",
    ],
    ...TRANSIENT,
  },
  METADATA_TIMEOUT: {
    message: (d) => `The Google metadata server did not answer in time${say.because(d)}`,
    hint: (d) =>
      say.isOffKubernetes(d)
        ? `${say.detour(d)}Check that no firewall stops egress to 169.254.169.254:80.`
        : `${say.detour(d)}Check that ${say.METADATA_EGRESS}, and that the gke-metadata-server pod of this node is healthy.`,
    commands: say.findMetadataPods,
    causes: ["A NetworkPolicy drops the packets.", "The gke-metadata-server pod of the node hangs, or is starting."],
    ...TRANSIENT,
  },
  NO_GOOGLE_SERVICE_ACCOUNT: {
    message: (d) => `The metadata server has no Google service account for this workload${say.because(d)}`,
    hint: (d) =>
      say.isOffKubernetes(d)
        ? "Check the option serviceAccountEmail. Then see whether the Google service account exists, and attach it:"
        : "Check the option serviceAccountEmail. ID tokens need a Google service account that exists, linked to the pod's Kubernetes service account. See whether it exists, link it, and restart the pod:",
    commands: say.linkAccount,
    causes: [
      "The Kubernetes service account has no annotation `iam.gke.io/gcp-service-account`.",
      "The annotation names a Google service account that does not exist.",
      "The option `serviceAccountEmail` names an account that this workload does not have.",
    ],
    ...REFUSED,
  },
  GOOGLE_PERMISSION_DENIED: {
    message: (d) => `Google refused this workload an ID token of its service account${say.because(d)}`,
    hint: (d) =>
      say.isOffKubernetes(d)
        ? "Check the option serviceAccountEmail, and that the Google service account is not disabled:"
        : "Check the option serviceAccountEmail. Let the Kubernetes service account act as the Google one; it takes a few minutes to be in force:",
    commands: say.allowAccount,
    causes: ["The Google service account has no binding of `roles/iam.workloadIdentityUser` for this Kubernetes one."],
    ...REFUSED,
  },
  INVALID_ID_TOKEN: {
    message: (d) => `The Google ID token cannot be used${say.because(d)}`,
    hint: (d) =>
      `STS needs a signed JWT for ${say.askedFor(d)} that has not expired. Check the option idTokenProvider if it is set, and this machine's clock:`,
    commands: () => ["date -u"],
    causes: [
      "The clock of this machine is more than an hour ahead.",
      "Something other than the metadata server answers.",
      "The `idTokenProvider` gives an access token, or a token for another audience.",
    ],
    ...REFUSED,
  },
  ...TOKEN_FILE_ERRORS,
  STS_ACCESS_DENIED: {
    message: (d) => `STS refused to let this workload assume ${say.role(d)}${say.because(d)}`,
    hint: (d) =>
      `First check this process: it asked for ${say.askedFor(d)} and for ${say.role(d)} in the AWS account ${say.awsAccount(d)}; a mistyped account or role name, a role that does not exist and an organisation's policy that denies it give the same answer. ${say.defaultAccount(d)}Then see the role's trust policy (first command). It must allow this token${d.claims?.email ? `, which is of ${d.claims.email}` : ""}, under the condition ${say.condition(d)}. The second command sets that, and replaces the whole policy. If the role trusts others too, add a statement to its policy in place of that:`,
    commands: (d) => [say.readTrustCommand(d), say.trustCommand(d)],
    causes: [
      "The process asks for another audience (option `audience`) than the one that the role trusts.",
      "The role's trust policy does not name this service account's unique id as `accounts.google.com:aud` and `:sub`, or not this audience as `:oaud`.",
      "A cluster's token: the role's trust policy does not name the cluster's provider, the namespace and the service account.",
      "The role does not exist, or its account id or name is mistyped.",
      "The pod has the node's service account.",
      "A service control policy of the AWS organisation denies it.",
    ],
    ...REFUSED,
  },
  STS_INVALID_TOKEN: {
    message: (d) => `STS did not accept the ${tokenName(d)}${say.because(d)}`,
    hint: invalidTokenHint,
    commands: invalidTokenCommands,
    causes: [
      "A Google ID token: the AWS account has an IAM OIDC provider for accounts.google.com, which breaks the built-in one.",
      "A cluster's token: the role's account has no IAM OIDC provider for the cluster (`No OpenIDConnect provider found`), or the provider does not list the audience (`Incorrect token audience`).",
      "The token was tampered with, or the cluster was made again with new keys.",
    ],
    ...REFUSED,
  },
  STS_EXPIRED_TOKEN: {
    message: (d) => `STS says that the ${tokenName(d)} has expired${say.because(d)}`,
    hint: () => "A fresh token was tried as well: check this machine's clock against the true time:",
    commands: () => ["date -u"],
    causes: ["The `idTokenProvider`, or the token file, keeps giving an old token.", "A clock is wrong."],
    ...REFUSED,
  },
  STS_IDP_UNREACHABLE: {
    message: (d) => `${say.sts(d)} could not reach ${issuerOf(d)} to verify the token${say.because(d)}`,
    hint: (d) =>
      `This passes by itself and was retried. If it lasts, list a second region in stsRegions.${isClusterToken(d) ? ` The issuer's keys must be readable from the internet: ${issuerOf(d)}/.well-known/openid-configuration.` : ""}`,
    causes: [
      "STS could not fetch the public keys of Google, or of the cluster, in time.",
      "The cluster's issuer is not reachable from the internet.",
    ],
    ...TRANSIENT,
  },
  STS_REGION_DISABLED: {
    message: (d) => `${say.sts(d)} is switched off for this AWS account${say.because(d)}`,
    hint: () =>
      "Name another region in clientConfig.region or AWS_REGION. A region that an account has from the start can be switched on for STS in the IAM console, under Account settings. An opt-in region is enabled by this command:",
    commands: say.enableRegion,
    causes: ["The region is an opt-in region that the account has not enabled, or its STS endpoint is deactivated."],
    ...REFUSED,
  },
  STS_POLICY_INVALID: {
    message: (d) => `STS did not accept the session policy${say.because(d)}`,
    hint: () => "Correct the options policy and policyArns; together they may hold 2048 characters.",
    causes: ["`policy` is not an IAM policy.", "`policy` and `policyArns` are too large together."],
    ...REFUSED,
  },
  STS_THROTTLED: {
    message: (d) => `${say.sts(d)} is throttling this account${say.because(d)}`,
    hint: () => "Share one provider between all clients of the process, and spread the start of processes.",
    causes: ["Too many calls of STS in this account and region."],
    ...TRANSIENT,
  },
  STS_UNREACHABLE: {
    message: (d) => `${say.sts(d)} could not be reached or is failing${say.because(d)}`,
    hint: () =>
      "Check that the region's name is right, and that this process may reach it. Behind a proxy give clientConfig.requestHandler, and NODE_EXTRA_CA_CERTS where it opens TLS, and let the proxy allow the host of STS. List a second region in stsRegions.",
    commands: say.callSts,
    causes: [
      "The region's name is mistyped, so that the host name is not found.",
      "A firewall, NetworkPolicy or proxy stops the connection, or a proxy's certificate is not trusted.",
      "A proxy refuses to connect to STS. The message says `HTTP status 403 (Forbidden), without an id of AWS`, for example. At 407 put the user and the password into the proxy's address. At 403 let the proxy allow the host of STS.",
      "STS answers 5xx, or not within the time limit.",
    ],
    ...TRANSIENT,
  },
  STS_INVALID_RESPONSE: {
    message: (d) => `${say.sts(d)} gave an answer that cannot be used${say.because(d)}`,
    hint: () =>
      "Check that AWS_ENDPOINT_URL_STS, clientConfig.endpoint and any proxy lead to STS, and this machine's clock:",
    commands: () => ["env | grep AWS_ENDPOINT_URL", "date -u"],
    causes: [
      "Something other than STS answers at the endpoint.",
      "This machine's clock is so far ahead that a new session looks ended.",
    ],
    ...REFUSED,
  },
};
