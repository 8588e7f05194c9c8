import { shellOption, shellWord } from "../lib/text.js";
import * as say from "./commands.js";
import type { ErrorDetails, GkeWorkloadIdentityErrorCode } from "./error.js";

/** What to check: a sentence, or a sentence and the commands for it. An empty sentence is left out. */
export type Step = string | readonly [text: string, ...commands: string[]];

/** One row of the table of errors. */
export interface ErrorEntry {
  /** One sentence without a full stop. */
  readonly message: (details: ErrorDetails) => string;
  /** Likeliest first; empty where the message says it all. No command changes anything that it does not name. */
  readonly hint: (details: ErrorDetails) => readonly Step[];
  readonly retryable: boolean;
  readonly tryNextLink: boolean;
}

type D = ErrorDetails;

const REFUSED = { retryable: false, tryNextLink: false } as const;
const TRANSIENT = { retryable: true, tryNextLink: false } as const;

const CLOCK: Step = ["Compare this machine's clock with the true time:", "date -u"];
const file = (d: D): string => `The web identity token file${d.tokenFile ? ` ${d.tokenFile}` : ""}`;

const otherMetadataServer = (d: D): Step =>
  d.metadataVariables?.length
    ? `${d.metadataVariables.join(" and ")} names another metadata server. Unset it, or correct it.`
    : "";

/** Where to look when the metadata server gives nothing. */
function metadataSteps(d: D): readonly Step[] {
  if (d.tokenSource) return ["Check what the idTokenProvider calls, and that this process can reach it."];
  if (say.isOffKubernetes(d))
    return [otherMetadataServer(d), ["See whether the metadata server answers:", say.askMetadataServer]];
  return [
    otherMetadataServer(d),
    "The metadata server, or the proxy of a service mesh (Istio, Linkerd), may still be starting. With a mesh, let its proxy start first: as a native sidecar, or with holdApplicationUntilProxyStarts.",
    ["See whether the node pool runs the GKE metadata server (this prints GKE_METADATA):", say.showNodePool],
    [
      "See whether a NetworkPolicy stops egress to 169.254.169.252:988 or 169.254.169.254:80:",
      say.showNetworkPolicies(d),
    ],
    ["See whether the metadata server's pod of this node is healthy:", say.showMetadataPods],
  ];
}

const nodesAccount = (d: D): Step =>
  say.isNodesAccount(d.claims?.email)
    ? say.isOffKubernetes(d)
      ? "The token is of Compute Engine's default service account. Check that this is the account to use."
      : "The token is of the node's service account, not of the pod's. Check that the node pool runs the GKE metadata server, and that the pod is not on the host network."
    : "";

/** What is wrong between AWS and the issuer of the token. STS says it in its text. */
function issuerSteps(d: D): readonly Step[] {
  if (!say.isClusterToken(d))
    return [
      [
        "Google is built into AWS. An IAM OIDC provider for accounts.google.com breaks that. See whether the account has one, and delete it:",
        "aws iam list-open-id-connect-providers",
        `aws iam delete-open-id-connect-provider ${say.oidcProvider(d)}`,
      ],
    ];
  const show: Step = ["See the IAM OIDC provider:", `aws iam get-open-id-connect-provider ${say.oidcProvider(d)}`];
  const audience = say.audience(d);
  if (/no openidconnect provider/i.test(d.reason ?? ""))
    return [
      `Check the account id ${say.awsAccount(d)} in the role's ARN.`,
      [
        "Register the cluster's issuer in that account, once for each cluster:",
        `aws iam create-open-id-connect-provider ${shellOption("--url", say.issuer(d))} ${shellOption("--client-id-list", audience)}`,
      ],
    ];
  if (/audience/i.test(d.reason ?? ""))
    return [
      `Check the audience of the pod's token volume, and the option audience: this process asks for ${audience}.`,
      [
        "The IAM OIDC provider must list that audience. Add it:",
        `aws iam add-client-id-to-open-id-connect-provider ${say.oidcProvider(d)} ${shellOption("--client-id", audience)}`,
      ],
    ];
  return [
    "A cluster that was made again signs with new keys. Restart the pod, so that it has a token of this one.",
    show,
  ];
}

/** Why STS is not reached at the host that was called. */
function endpointSteps(d: D): readonly Step[] {
  const { host, hostSetBy } = d;
  const url = host === undefined ? "" : /:\d+$/.test(host) ? `http://${host}` : `https://${host}`;
  return [
    hostSetBy === undefined
      ? ""
      : `${hostSetBy} makes ${host} the host of STS. Check that it is one. For an object store alone, set AWS_ENDPOINT_URL_S3.`,
    "In a pod's first seconds the network of a mesh may not be up yet. The call was repeated until timeoutMs.",
    host === undefined
      ? "Check the region's name, and that this process may reach STS there."
      : [
          "See whether this process reaches it (any HTTP status will do):",
          `curl -sS -o /dev/null -w '%{http_code}\\n' ${shellWord(url)}`,
        ],
    "Behind a proxy, pass clientConfig.requestHandler with an agent for it, and NODE_EXTRA_CA_CERTS if it opens TLS. Let the proxy allow the host.",
    "List a second region in stsRegions.",
  ];
}

/** How a projected token reaches the file. */
const projectToken = (d: D): Step => [
  `The pod needs a projected volume, and this container must mount it: serviceAccountToken {audience: ${say.audience(d)}, path: token}. See the pod's volumes:`,
  say.showTokenVolumes(d),
];
const GOOGLE_INSTEAD =
  'To use the pod\'s Google service account instead, unset AWS_WEB_IDENTITY_TOKEN_FILE, or pass serviceAccountEmail: "default".';

/** What each code says and what fixes it: the one source of every message and hint, and of docs/troubleshooting.md. */
export const ERRORS: Readonly<Record<GkeWorkloadIdentityErrorCode, ErrorEntry>> = {
  NOT_ON_GOOGLE_CLOUD: {
    message: (d) => `This process does not run on Google Cloud${say.because(d)}`,
    hint: () => [
      "Elsewhere, pass a provider as fallback: fromGkeWorkloadIdentity({ fallback: fromNodeProviderChain() }).",
      [
        "On Google Cloud, see whether one of these variables is set by mistake:",
        "env | grep -E 'GCE_METADATA|METADATA_SERVER_DETECTION'",
      ],
    ],
    retryable: false,
    tryNextLink: true,
  },
  MISSING_ROLE_ARN: {
    message: () => "No AWS role to assume: neither the option roleArn nor the variable AWS_ROLE_ARN is set",
    hint: (d) => [["Set the variable, or pass roleArn to fromGkeWorkloadIdentity:", say.setRole(d)]],
    ...REFUSED,
  },
  INVALID_CONFIGURATION: {
    message: (d) => d.reason ?? "The configuration is not valid",
    hint: (d) => {
      if (d.packageName)
        return [
          ["Install the dependencies again. See which version there is:", `npm ls ${shellWord(d.packageName)}`],
          "In a bundle or an image, check that this package is in it. In Jest, set NODE_OPTIONS=--experimental-vm-modules.",
        ];
      if (d.durationSeconds === undefined) return [];
      return [
        [
          `Ask for less than durationSeconds ${d.durationSeconds}, or allow the role longer sessions:`,
          `aws iam update-role ${shellOption("--role-name", say.roleName(d))} --max-session-duration ${d.durationSeconds}`,
        ],
      ];
    },
    ...REFUSED,
  },
  METADATA_UNAVAILABLE: {
    message: (d) => `${say.tokenSource(d)} gave no ID token${say.because(d)}`,
    hint: metadataSteps,
    ...TRANSIENT,
  },
  METADATA_TIMEOUT: {
    message: (d) => `${say.tokenSource(d)} did not answer in time${say.because(d)}`,
    hint: metadataSteps,
    ...TRANSIENT,
  },
  NO_GOOGLE_SERVICE_ACCOUNT: {
    message: (d) => `The metadata server has no Google service account for ${say.workload(d)}${say.because(d)}`,
    hint: (d) => [
      [
        say.isOffKubernetes(d)
          ? "Attach a Google service account:"
          : "Link a Google service account to the Kubernetes one, then restart the pod:",
        say.linkAccount(d),
      ],
      ["See whether that account exists:", say.describeAccount(d)],
      "If the option serviceAccountEmail is set, check it.",
      say.isOffKubernetes(d)
        ? ""
        : "Or use the cluster's own issuer with webIdentityTokenFile: it needs no Google service account.",
    ],
    ...REFUSED,
  },
  GOOGLE_PERMISSION_DENIED: {
    message: (d) => `Google refused ${say.workload(d)} an ID token of ${say.account(d)}${say.because(d)}`,
    hint: (d) =>
      say.isOffKubernetes(d)
        ? [
            ["See whether the account exists and is not disabled:", say.describeAccount(d)],
            "If the option serviceAccountEmail is set, check it.",
          ]
        : [
            [
              "Let the Kubernetes service account act as the Google one. It takes a few minutes to be in force:",
              say.allowAccount(d),
            ],
            ["See whether the account exists and is not disabled:", say.describeAccount(d)],
            "If the option serviceAccountEmail is set, check it.",
          ],
    ...REFUSED,
  },
  INVALID_ID_TOKEN: {
    message: (d) => `The Google ID token cannot be used${say.because(d)}`,
    hint: (d) => [
      CLOCK,
      `STS needs a signed JWT for the audience ${say.audience(d)} that has not expired. Check the option idTokenProvider if it is set.`,
    ],
    ...REFUSED,
  },
  WEB_IDENTITY_TOKEN_FILE_MISSING: {
    message: (d) => `${file(d)} is missing${say.because(d)}`,
    hint: (d) => [
      "Check the path in the option webIdentityTokenFile or in AWS_WEB_IDENTITY_TOKEN_FILE.",
      say.isOffKubernetes(d)
        ? ["Check that what writes the file runs. See the file:", say.showFile(d)]
        : projectToken(d),
      say.isOffKubernetes(d) ? "" : GOOGLE_INSTEAD,
    ],
    ...TRANSIENT,
  },
  WEB_IDENTITY_TOKEN_FILE_UNREADABLE: {
    message: (d) => `${file(d)} cannot be read${say.because(d)}`,
    hint: (d) => [
      ["See whether this user may read the file:", "id", say.showFile(d)],
      "Set securityContext.fsGroup in the pod, so that its users may read projected tokens. A sidecar must write the file with a mode that this user may read.",
      "The path must name a regular file of at most 64 KiB.",
    ],
    ...REFUSED,
  },
  WEB_IDENTITY_TOKEN_FILE_INVALID: {
    message: (d) => `${file(d)} holds no token that STS accepts${say.because(d)}`,
    hint: (d) => [
      `The token must be for the audience ${say.audience(d)} (option audience).`,
      say.isOffKubernetes(d) ? ["See the file:", say.showFile(d)] : projectToken(d),
      say.isOffKubernetes(d)
        ? ""
        : "The token in /var/run/secrets/kubernetes.io/serviceaccount is for the Kubernetes API. It is never sent to AWS.",
      say.isOffKubernetes(d) ? "" : GOOGLE_INSTEAD,
    ],
    ...REFUSED,
  },
  WEB_IDENTITY_TOKEN_FILE_EXPIRED: {
    message: (d) =>
      `The token in the web identity token file${d.tokenFile ? ` ${d.tokenFile}` : ""} has expired${say.because(d)}`,
    hint: (d) => [
      ["The file was not renewed. See when it was written, and this machine's clock:", say.showFile(d), "date -u"],
      say.isOffKubernetes(d)
        ? "Check that what writes the file still runs."
        : "Kubernetes renews the file when 80 % of the token's life is over, but not if the volume is mounted with subPath. Mount the directory. If a sidecar writes the file, check that it runs.",
      say.isOffKubernetes(d)
        ? ""
        : "The token of a pod that is ending is not renewed, nor is one whose service account was deleted and made again, or while the control plane is away. Restart the pod.",
    ],
    ...TRANSIENT,
  },
  STS_ACCESS_DENIED: {
    message: (d) => `AWS refused ${say.role(d)} to ${say.bearer(d)}${say.because(d)}`,
    hint: (d) => [
      nodesAccount(d),
      ["See whether the role exists, and its trust policy:", say.showTrustPolicy(d)],
      `Under StringEquals the policy must have: ${say.trustedValues(d)}.`,
      "A policy of your AWS organisation (SCP, RCP) that denies sts:AssumeRoleWithWebIdentity gives the same answer.",
      ["Print the policy for this token, and merge its statement into the role's:", say.printTrustPolicy(d)],
    ],
    ...REFUSED,
  },
  STS_INVALID_TOKEN: {
    message: (d) => `STS did not accept the ${say.tokenName(d)}${say.because(d)}`,
    hint: issuerSteps,
    ...REFUSED,
  },
  STS_EXPIRED_TOKEN: {
    message: (d) => `STS says that the ${say.tokenName(d)} has expired${say.because(d)}`,
    hint: () => [
      CLOCK,
      "A fresh token was tried too. Check that the idTokenProvider or the token file gives new tokens.",
    ],
    ...REFUSED,
  },
  STS_IDP_UNREACHABLE: {
    message: (d) => `${say.sts(d)} could not reach ${say.issuer(d)} to verify the token${say.because(d)}`,
    hint: (d) => [
      "This passes by itself, and was tried again. If it lasts, list a second region in stsRegions.",
      say.isClusterToken(d)
        ? [
            "The issuer's keys must be readable from the internet:",
            `curl -sS ${shellWord(`${say.issuer(d)}/.well-known/openid-configuration`)}`,
          ]
        : "",
    ],
    ...TRANSIENT,
  },
  STS_REGION_DISABLED: {
    message: (d) => `${say.sts(d)} is switched off for AWS account ${say.awsAccount(d)}${say.because(d)}`,
    hint: (d) => [
      "Call STS in another region: set AWS_REGION, or pass clientConfig.region.",
      [
        "Or switch the region on. An opt-in region, with this command; another, in the IAM console under Account settings:",
        `aws account enable-region --region-name ${d.region ?? "REGION"}`,
      ],
    ],
    ...REFUSED,
  },
  STS_POLICY_INVALID: {
    message: (d) => `STS did not accept the session policy${say.because(d)}`,
    hint: () => ["Correct the options policy and policyArns. Together they may hold 2048 characters."],
    ...REFUSED,
  },
  STS_THROTTLED: {
    message: (d) => `${say.sts(d)} is throttling this account${say.because(d)}`,
    hint: () => ["Share one provider between all clients of the process.", "Spread the start of processes over time."],
    ...TRANSIENT,
  },
  STS_UNREACHABLE: {
    message: (d) => `${say.sts(d)} could not be reached or is failing${say.because(d)}`,
    hint: endpointSteps,
    ...TRANSIENT,
  },
  STS_INVALID_RESPONSE: {
    message: (d) => `${say.sts(d)} gave an answer that cannot be used${say.because(d)}`,
    hint: (d) => [
      d.hostSetBy
        ? `${d.hostSetBy} makes ${d.host} the host of STS. Check that it is one.`
        : ["Check that no proxy answers instead, and what names another endpoint:", "env | grep AWS_ENDPOINT_URL"],
      CLOCK,
    ],
    ...REFUSED,
  },
};
