import { shellWord } from "../lib/shell-word.js";
import { because, isOffKubernetes } from "./commands.js";
import type { ErrorDetails } from "./error-codes.js";

type D = ErrorDetails;

const file = ({ tokenFile }: D): string =>
  tokenFile === undefined ? "The web identity token file" : `The web identity token file ${tokenFile}`;
const audience = (d: D): string => d.audience ?? "sts.amazonaws.com";

/** The part of a pod's manifest that projects a token, on one line. */
const volume = (d: D): string =>
  `volumes: [{name: aws-token, projected: {sources: [{serviceAccountToken: {audience: ${audience(d)}, expirationSeconds: 3600, path: token}}]}}]`;

const SOURCE = "the option webIdentityTokenFile or the variable AWS_WEB_IDENTITY_TOKEN_FILE";
const GOOGLE_INSTEAD =
  'To use the pod\'s Google service account in place of the file, unset AWS_WEB_IDENTITY_TOKEN_FILE or pass serviceAccountEmail: "default".';

const showFile = (path: string): string => `ls -lL ${shellWord(path)}`;

/** Shows each projected token of the pod: its audience, its life and its path. Where there is no pod, the file. */
const showSource = (d: D): readonly string[] => {
  if (isOffKubernetes(d)) return d.tokenFile === undefined ? [] : [showFile(d.tokenFile)];
  return [
    `kubectl get pod POD --namespace ${d.namespace ?? "NAMESPACE"} --output jsonpath='{.spec.volumes[*].projected.sources[*].serviceAccountToken}'`,
  ];
};
const WRITER = "Check that whatever writes the file runs. See the file:";

/** The errors of the token's file. The table of errors includes them. */
export const TOKEN_FILE_ERRORS = {
  WEB_IDENTITY_TOKEN_FILE_MISSING: {
    message: (d: D) => `${file(d)} is missing${because(d)}`,
    hint: (d: D) =>
      isOffKubernetes(d)
        ? `Check the path in ${SOURCE}. ${WRITER}`
        : `Check the path in ${SOURCE}. Check that the pod has a projected volume for it (${volume(d)}), and that this container mounts the volume. ${GOOGLE_INSTEAD} See the pod's projected tokens:`,
    commands: showSource,
    causes: [
      "The pod has no projected volume, or this container does not mount it.",
      "`AWS_WEB_IDENTITY_TOKEN_FILE`, or the option `webIdentityTokenFile`, names another path than the volume's mount and `path`.",
      "A sidecar that writes the file has not started yet.",
    ],
    retryable: true,
    tryNextLink: false,
  },
  WEB_IDENTITY_TOKEN_FILE_UNREADABLE: {
    message: (d: D) => `${file(d)} cannot be read${because(d)}`,
    hint: () =>
      "The file must be a regular file that the container's user may read. Set securityContext.fsGroup in the pod, so that all its users may read projected tokens; a sidecar must write the file with a mode that this user may read. See who this user is:",
    commands: (d: D) => ["id", ...(d.tokenFile === undefined ? [] : [showFile(d.tokenFile)])],
    causes: [
      "The container's user may not read the file: the pod sets no `fsGroup`, or a sidecar wrote it for another user.",
      "The path names a directory, a pipe or a device.",
      "The file has more than 64 KiB.",
      "The file is on a network file system that does not answer.",
    ],
    retryable: false,
    tryNextLink: false,
  },
  WEB_IDENTITY_TOKEN_FILE_INVALID: {
    message: (d: D) => `${file(d)} holds no token that STS accepts${because(d)}`,
    hint: (d: D) =>
      isOffKubernetes(d)
        ? `A token for the audience ${audience(d)} (option audience, or --audience) is needed. ${WRITER}`
        : `A token for the audience ${audience(d)} (option audience, or --audience) is needed. Project one with a volume of its own: ${volume(d)}. The file that Kubernetes mounts by itself, /var/run/secrets/kubernetes.io/serviceaccount/token, is for the Kubernetes API and must not be used. ${GOOGLE_INSTEAD} See the pod's projected tokens:`,
    commands: showSource,
    causes: [
      "The volume's `audience` is not the one that this process asks for (option `audience`, default `sts.amazonaws.com`).",
      "The path names the pod's token for the Kubernetes API, which is never sent to AWS.",
      "The file is empty, or holds something that is not a JWT.",
    ],
    retryable: false,
    tryNextLink: false,
  },
  WEB_IDENTITY_TOKEN_FILE_EXPIRED: {
    message: (d: D) =>
      `The token in the web identity token file${d.tokenFile ? ` ${d.tokenFile}` : ""} has expired${because(d)}`,
    hint: () =>
      "Whoever writes the file did not renew it. Kubernetes renews projected tokens when 80 % of their life is over: check that the volume is not mounted with subPath, which is never renewed, that the sidecar that writes the file still runs, and this machine's clock:",
    commands: (d: D) => ["date -u", ...(d.tokenFile === undefined ? [] : [showFile(d.tokenFile)])],
    causes: [
      "The volume is mounted with `subPath`: Kubernetes never renews such a file.",
      "The kubelet of the node cannot reach the API server, or the sidecar that writes the file has stopped.",
      "The file is a copy of a token.",
      "The clock of this machine is ahead.",
    ],
    retryable: true,
    tryNextLink: false,
  },
} as const;
