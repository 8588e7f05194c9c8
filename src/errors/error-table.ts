import { shellOption, shellWord } from "../lib/text.js";
import * as say from "./commands.js";
import type { ErrorDetails, GkeWorkloadIdentityErrorCode } from "./error.js";

type D = ErrorDetails;
/** What to check: a sentence, or a sentence and its commands. `false` is left out. */
export type Step = string | false | readonly [text: string, ...commands: string[]];

/** One row of the table of errors. */
export interface ErrorEntry {
  /** What happened, without a full stop. The details' `reason` is put behind it. */
  readonly sentence: (details: D) => string;
  /** Likeliest first; empty where the message says it all. No command changes anything that it does not name. */
  readonly hint: (details: D) => readonly Step[];
  readonly retryable: boolean;
  readonly tryNextLink: boolean;
}

type Row = readonly [sentence: ErrorEntry["sentence"], hint: ErrorEntry["hint"]];
const refused = (...[sentence, hint]: Row): ErrorEntry => ({ sentence, hint, retryable: false, tryNextLink: false });
const transient = (...row: Row): ErrorEntry => ({ ...refused(...row), retryable: true });
const elsewhere = (...row: Row): ErrorEntry => ({ ...refused(...row), tryNextLink: true });

const CLOCK: Step = ["Compare this machine's clock with the true time:", "date -u"];
const MESH = "Let a mesh's proxy start first: as a native sidecar, or with Istio's holdApplicationUntilProxyStarts.";
const inReason = (d: D, pattern: RegExp): boolean => pattern.test(d.reason ?? "");
const isInKubernetes = (d: D): boolean => !say.isOffKubernetes(d);

/** Where to look when the metadata server gives nothing. */
function metadataSteps(d: D): readonly Step[] {
  if (d.tokenSource) return ["Check what the idTokenProvider calls, and that this process can reach it."];
  const { metadataVariables: variables = [] } = d;
  const named: Step =
    variables.length > 0 &&
    `The variable ${variables.join(" and ")} names that server. Correct it, or unset it: on Google Cloud it is normally not set.`;
  if (say.isOffKubernetes(d)) return [named || ["See whether it answers from here:", say.ASK_METADATA]];
  return [
    named,
    `The metadata server, or the proxy of a service mesh (Istio, Linkerd), may still be starting. ${MESH}`,
    ["See whether a NetworkPolicy stops egress to 169.254.169.252:988 or 169.254.169.254:80:", say.networkPolicies(d)],
    ["See whether the pod gke-metadata-server on this node is healthy:", say.METADATA_PODS],
  ];
}

/** Cloud Build's metadata server has no ID tokens, and answers like this. */
const hasNoIdTokens = (d: D): boolean => say.isOffKubernetes(d) && inReason(d, /^404 page not found/i);

/** Why there is no Google service account, or none that exists. */
function accountSteps(d: D): readonly Step[] {
  if (d.tokenSource) return ["Check which account the idTokenProvider asks for, and that it exists."];
  if (hasNoIdTokens(d))
    return ["Cloud Build has no ID tokens. It is not supported. GKE, Cloud Run and Compute Engine are."];
  const isKnown = say.knownAccount(d) !== undefined;
  const exists: Step = isKnown && ["See whether the account exists:", say.describeAccount(d)];
  if (say.isOffKubernetes(d))
    return [
      exists,
      ["Attach a Google service account:", say.linkAccount(d)],
      "Check the option serviceAccountEmail, if it is set.",
    ];
  return [
    exists,
    isKnown
      ? "If not, correct its name in the annotation iam.gke.io/gcp-service-account of the Kubernetes service account, or in the option serviceAccountEmail. Then restart the pod."
      : [
          "Run both with the name of the Google service account that the AWS role trusts. Then restart the pod:",
          say.linkAccount(d),
          say.allowAccount(d),
        ],
  ];
}

/** What to do where the pod got the token of its node. */
const nodeSteps = (d: D): readonly Step[] => [
  "The token is of the node's service account, not of the pod's. Do not let the role trust that account: other pods and nodes have it too.",
  ["The pod must not use the host network. This must not print true:", say.hostNetwork(d)],
  ["The node pool must have the GKE metadata server. This must print GKE_METADATA:", say.METADATA_MODE],
  [
    "If it does not, run this command. It recreates the nodes, and all their pods lose the node's account:",
    say.SET_METADATA_MODE,
  ],
];
const isOfNode = (d: D): boolean => isInKubernetes(d) && say.isNodesAccount(d.claims?.email);

/** What is wrong between AWS and the issuer of the token. STS says it in its text. */
function issuerSteps(d: D): readonly Step[] {
  const [provider, audience] = [say.oidcProvider(d), say.audience(d)];
  if (!say.isClusterToken(d))
    return [
      'The role\'s trust policy must have "Principal": {"Federated": "accounts.google.com"}. AWS knows this issuer without an IAM OIDC provider.',
      [
        `If account ${say.awsAccount(d)} has an IAM OIDC provider for accounts.google.com, STS refuses these tokens. List the providers:`,
        "aws iam list-open-id-connect-providers",
      ],
      "If the list has it, and no role's trust policy names its ARN, delete that provider.",
    ];
  if (inReason(d, /no openidconnect provider/i))
    return [
      `Check that ${say.awsAccount(d)}, from the role's ARN, is the right account.`,
      ["This must print that account:", "aws sts get-caller-identity"],
      [
        "Register the cluster's issuer in that account. Then let the role trust that provider:",
        `aws iam create-open-id-connect-provider ${shellOption("--url", say.issuer(d))} ${shellOption("--client-id-list", audience)}`,
      ],
    ];
  if (inReason(d, /audience/i))
    return [
      `Check the audience of the pod's token volume, and the option audience. The token is for ${audience}.`,
      [
        "The IAM OIDC provider must list that audience. Add it:",
        `aws iam add-client-id-to-open-id-connect-provider ${provider} ${shellOption("--client-id", audience)}`,
      ],
    ];
  return ["A cluster that was made again has new keys. Restart the pod, so that it has a token of this cluster."];
}

/** What made this the host of STS, where it is not the region's own. */
const hostStep = ({ host, hostSetBy }: D): Step =>
  hostSetBy !== undefined &&
  (hostSetBy === "AWS_ENDPOINT_URL"
    ? `AWS_ENDPOINT_URL is for all AWS services, so STS is called at ${host}. For an object store, set AWS_ENDPOINT_URL_S3 in its place.`
    : `${hostSetBy} sends calls of STS to ${host}. If that is not meant, remove that setting.`);

/** Why STS is not reached at the host that was called. */
function endpointSteps(d: D): readonly Step[] {
  const { host, hostSetBy, region } = d;
  const isNotFound = host === undefined || inReason(d, /ENOTFOUND|EAI_AGAIN/);
  const isTls = inReason(d, /certificate|self.signed|CERT_/i);
  const url = `${/:\d+$/.test(host ?? "") ? "http" : "https"}://${host}`;
  const proxy =
    "Behind a proxy, pass clientConfig.requestHandler with an agent for it. Let the proxy allow the host. If it decrypts TLS, set NODE_EXTRA_CA_CERTS.";
  return [
    isTls && proxy,
    hostStep(d),
    isNotFound
      ? `Check ${hostSetBy ? "that name" : `the name of the region${region ? `, ${region}` : ""}`}, and the DNS.`
      : ["See whether it answers where the process runs. Any HTTP status will do:", `curl -sS ${shellWord(url)}`],
    !isTls && proxy,
    isInKubernetes(d) && `Does it fail in a pod's first seconds only? ${MESH}`,
    hostSetBy === undefined && "List a second region in stsRegions.",
  ];
}

const tokenFile = (d: D): string => `web identity token file${d.tokenFile ? ` ${d.tokenFile}` : ""}`;

/** How a token reaches the file, or what to use in its place. */
function tokenFileSteps(d: D): readonly Step[] {
  if (say.isOffKubernetes(d)) return [["Check that what writes the file runs. See the file:", ...say.showFile(d)]];
  const [, dir = "", base = "token"] = /^(.+)\/([^/]+)$/.exec(d.tokenFile ?? "") ?? [];
  const volume = `serviceAccountToken {audience: ${say.askedAudience(d)}, path: ${base}}`;
  return [
    [
      `The pod needs a projected volume with ${volume}, which this container mounts${dir && ` at ${dir}`}. List the pod's volumes of tokens (the one without an audience is Kubernetes' own):`,
      say.tokenVolumes(d),
    ],
    'If the role trusts a Google service account instead, unset AWS_WEB_IDENTITY_TOKEN_FILE, or pass serviceAccountEmail: "default".',
  ];
}

/** What each code says and what fixes it: the one source of every message and hint, and of docs/troubleshooting.md. */
export const ERRORS: Readonly<Record<GkeWorkloadIdentityErrorCode, ErrorEntry>> = {
  NOT_ON_GOOGLE_CLOUD: elsewhere(
    () => "This process does not run on Google Cloud",
    () => [
      "Outside of Google Cloud, pass a fallback: fromGkeWorkloadIdentity({ fallback: fromNodeProviderChain() }).",
      ["On Google Cloud, see whether a variable is set by mistake:", "env | grep -E 'GCE_METADATA|METADATA_SERVER'"],
    ],
  ),
  MISSING_ROLE_ARN: refused(
    () => "No AWS role to assume: neither the option roleArn nor the variable AWS_ROLE_ARN is set",
    (d) => [["Set the variable, also in the manifest, or pass roleArn to fromGkeWorkloadIdentity:", say.setRole(d)]],
  ),
  INVALID_CONFIGURATION: refused(
    (d) => (d.reason ? "" : "The configuration is not valid"),
    (d) => [
      d.packageName !== undefined && [
        "Install the dependencies again. Check that a bundle or an image has this package. In Jest, set NODE_OPTIONS=--experimental-vm-modules. See which version there is:",
        `npm ls ${shellWord(d.packageName)}`,
      ],
      d.durationSeconds !== undefined && [
        `The option durationSeconds is ${d.durationSeconds}. Lower it to the role's maximum, which this command prints:`,
        `aws iam get-role ${say.ofRole(d)} --query Role.MaxSessionDuration`,
      ],
      d.durationSeconds !== undefined && [
        "Or raise the role's maximum, for everybody who assumes the role:",
        `aws iam update-role ${say.ofRole(d)} --max-session-duration ${d.durationSeconds}`,
      ],
    ],
  ),
  METADATA_UNAVAILABLE: transient((d) => `${say.tokenSource(d)} gave no ID token`, metadataSteps),
  METADATA_TIMEOUT: transient((d) => `${say.tokenSource(d)} gave no ID token in time`, metadataSteps),
  NO_GOOGLE_SERVICE_ACCOUNT: refused(
    (d) =>
      hasNoIdTokens(d)
        ? "The metadata server of this platform gives no ID tokens"
        : `${d.tokenSource ?? "The metadata server"} has no Google service account for ${say.workload(d)}`,
    accountSteps,
  ),
  GOOGLE_PERMISSION_DENIED: refused(
    (d) => `Google gave no ID token for ${say.account(d)}`,
    (d) => [
      d.tokenSource
        ? "The idTokenProvider's own account needs roles/iam.serviceAccountOpenIdTokenCreator on that account."
        : isInKubernetes(d) && [
            "Let the Kubernetes service account act as the Google one. This takes some minutes, and no restart:",
            say.allowAccount(d),
          ],
      ["See whether the account exists and is not disabled:", say.describeAccount(d)],
    ],
  ),
  INVALID_ID_TOKEN: refused(
    () => "The Google ID token cannot be used",
    (d) => [
      inReason(d, /expired/) && CLOCK,
      `STS needs a signed JWT for the audience ${say.askedAudience(d)} that has not expired. Check the option idTokenProvider, if it is set.`,
    ],
  ),
  WEB_IDENTITY_TOKEN_FILE_MISSING: transient(
    (d) => `The ${tokenFile(d)} is missing`,
    (d) => ["Check the path in AWS_WEB_IDENTITY_TOKEN_FILE or webIdentityTokenFile.", ...tokenFileSteps(d)],
  ),
  WEB_IDENTITY_TOKEN_FILE_UNREADABLE: refused(
    (d) => `The ${tokenFile(d)} cannot be read`,
    (d) => [
      ["The path must name a regular file of at most 64 KiB. See its mode, and the user:", "id", ...say.showFile(d)],
      isInKubernetes(d) &&
        "Set securityContext.fsGroup in the pod, so that its users may read projected tokens. A sidecar must write the file with a mode that this user may read.",
    ],
  ),
  WEB_IDENTITY_TOKEN_FILE_INVALID: refused(
    (d) => `The ${tokenFile(d)} holds no token that STS accepts`,
    (d) => [`The token must be for the audience ${say.askedAudience(d)}: correct its source.`, ...tokenFileSteps(d)],
  ),
  WEB_IDENTITY_TOKEN_FILE_EXPIRED: transient(
    (d) => `The token in the ${tokenFile(d)} has expired`,
    (d) => [
      [
        "The file was not renewed. On this machine, see when it was written, and compare the clock with the true time:",
        ...say.showFile(d),
        "date -u",
      ],
      "If a sidecar or another program writes the file, check that it runs.",
      isInKubernetes(d) &&
        "Kubernetes does not renew the file of a pod that is ending, nor one that is mounted with subPath (mount the directory). After the control plane was away, or the service account was made again, restart the pod.",
    ],
  ),
  STS_ACCESS_DENIED: refused(
    (d) => `${say.refuser(d)} refused ${say.role(d)} to ${say.bearer(d)}`,
    (d) =>
      isOfNode(d)
        ? nodeSteps(d)
        : [
            [
              `See whether the role exists in account ${say.awsAccount(d)}, and its trust policy:`,
              `aws iam get-role ${say.ofRole(d)} --query Role.AssumeRolePolicyDocument`,
            ],
            `Under StringEquals the policy must have all of these: ${say.trustedValues(d)}.`,
            d.claims?.email !== undefined &&
              `A Google service account that was deleted and made again has a new unique id. This token's is ${say.uniqueId(d)}.`,
            "A policy of the AWS organisation (SCP, RCP) may deny the call.",
            [
              "Print the policy for this token, and merge its statement into the role's policy:",
              say.printTrustPolicy(d),
            ],
          ],
  ),
  STS_INVALID_TOKEN: refused((d) => `STS did not accept the ${say.tokenName(d)}`, issuerSteps),
  STS_EXPIRED_TOKEN: refused(
    (d) => `STS says that the ${say.tokenName(d)} has expired`,
    () => [CLOCK, "A fresh token was tried too. Check that the idTokenProvider or the token file gives new tokens."],
  ),
  STS_IDP_UNREACHABLE: transient(
    (d) => `${say.sts(d)} could not reach ${say.issuer(d)} to verify the token`,
    (d) => [
      "This passes by itself. The call was repeated. If it lasts, list a second region in stsRegions.",
      say.isClusterToken(d) && [
        "The issuer's keys must be readable from the internet:",
        `curl -sS ${shellWord(`${say.issuer(d)}/.well-known/openid-configuration`)}`,
      ],
    ],
  ),
  STS_REGION_DISABLED: refused(
    (d) => `${say.sts(d)} is switched off for AWS account ${say.awsAccount(d)}`,
    (d) => [
      "Call STS in another region: pass clientConfig.region. Sessions of STS are valid in all regions.",
      [
        "Or switch STS on in this region, in the IAM console (Account settings). If the region is opt-in, enable it first:",
        `aws account enable-region --region-name ${d.region ?? "REGION"}`,
      ],
    ],
  ),
  STS_POLICY_INVALID: refused(
    () => "STS did not accept the session policy",
    () => ["Correct the options policy and policyArns. Together they may hold 2048 characters."],
  ),
  STS_THROTTLED: transient(
    (d) => `${say.sts(d)} is throttling this account`,
    () => ["Share one provider between all clients of the process, and spread the start of processes over time."],
  ),
  STS_UNREACHABLE: transient((d) => `${say.sts(d)} could not be reached or is failing`, endpointSteps),
  STS_INVALID_RESPONSE: refused(
    (d) => `${say.sts(d)} gave an answer that cannot be used`,
    (d) => [
      inReason(d, /clock/) && CLOCK,
      d.hostSetBy ? hostStep(d) : ["Check that nothing else answers in place of STS:", "env | grep AWS_ENDPOINT_URL"],
    ],
  ),
};
