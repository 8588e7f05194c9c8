import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { ErrorDetails } from "../../src/errors/error.js";
import { ERRORS } from "../../src/errors/error-table.js";
import type { GkeWorkloadIdentityErrorCode } from "../../src/index.js";

const codes = Object.keys(ERRORS) as GkeWorkloadIdentityErrorCode[];
const list = (isOfList: (code: GkeWorkloadIdentityErrorCode) => boolean): string =>
  codes
    .filter(isOfList)
    .map((code) => `\`${code}\``)
    .join(", ");

/** What leads to an error, where its hint does not say so. */
const CAUSES: Readonly<Partial<Record<GkeWorkloadIdentityErrorCode, readonly string[]>>> = {
  NOT_ON_GOOGLE_CLOUD: [
    "The process runs on a laptop, in CI or on another cloud, or something else answers at 169.254.169.254.",
    "`METADATA_SERVER_DETECTION` is `none`, or `bios-only` inside a sandbox.",
  ],
  INVALID_CONFIGURATION: [
    "An option, or a variable of the environment, has a value that cannot work. The message names it and says what is allowed.",
    "The region of STS is in another partition than the role.",
    "STS refused a value that only it can judge, such as a duration above the role's maximum.",
    "A package that this library needs could not be loaded.",
  ],
  METADATA_UNAVAILABLE: [
    "Something else answers in place of the metadata server, or the server answers 429 or 5xx until `timeoutMs`.",
    "The `idTokenProvider` failed.",
  ],
  NO_GOOGLE_SERVICE_ACCOUNT: [
    "The Kubernetes service account has no annotation `iam.gke.io/gcp-service-account`, or it names an account that does not exist.",
    "The process runs in Cloud Build, which has no ID tokens.",
  ],
  GOOGLE_PERMISSION_DENIED: [
    "The Google service account has no binding of `roles/iam.workloadIdentityUser` for this Kubernetes service account.",
  ],
  INVALID_ID_TOKEN: [
    "This machine's clock is more than an hour ahead.",
    "The `idTokenProvider` gives an access token, or a token for another audience.",
  ],
  WEB_IDENTITY_TOKEN_FILE_MISSING: ["A sidecar that writes the file has not started yet."],
  WEB_IDENTITY_TOKEN_FILE_INVALID: [
    "The file is that of the Kubernetes API, in `/var/run/secrets/kubernetes.io/serviceaccount`. It is never sent to AWS.",
    "The file is empty, or holds something that is not a JWT.",
  ],
  STS_ACCESS_DENIED: ["The role does not exist, or its trust policy does not allow this token for this audience."],
  STS_INVALID_TOKEN: [
    "Of a cluster's token: the role's account has no IAM OIDC provider for the cluster, or the provider does not list the audience. The hint has the command for it.",
  ],
  STS_UNREACHABLE: [
    "A firewall, a NetworkPolicy or a proxy stops the connection, or STS answers 5xx.",
    "A proxy refuses to connect. The message says `HTTP status 403 (Forbidden), without an id of AWS`, for example. At 407, put the user and the password into the proxy's address.",
  ],
};

const DETAILS: Readonly<Partial<Record<GkeWorkloadIdentityErrorCode, ErrorDetails>>> = {
  INVALID_CONFIGURATION: { reason: "keepFresh must be a boolean, got a string" },
};

/** `docs/troubleshooting.md`: what leads to each error, and the message and the hint of the table of errors. */
export const troubleshootingPage = (): string => `# Troubleshooting

Every failure is a \`GkeWorkloadIdentityError\`. Its \`message\` ends with its \`code\`, and its \`hint\` says what to do, with the
real names. In a pod, \`npx gke-aws-credentials doctor\` checks the chain step by step. This page is made from the table in
\`src/errors/error-table.ts\` by \`npm run docs:troubleshooting\`.

Within one call, these are tried again: ${list((code) => ERRORS[code].retryable)}.
For a second after a failure, calls get the same error. After that, a call tries again, whatever the code. A credential
chain goes on after ${list((code) => ERRORS[code].tryNextLink)} alone.

${codes.map(toSection).join("\n")}
${readFileSync(join(import.meta.dirname, "pasted-messages.md"), "utf8")}`;

function toSection(code: GkeWorkloadIdentityErrorCode): string {
  const details: ErrorDetails = { platform: "kubernetes", ...DETAILS[code] };
  const { sentence, hint } = ERRORS[code];
  const before = codes.slice(0, codes.indexOf(code)).find((other) => ERRORS[other].hint === hint);
  const causes = (CAUSES[code] ?? []).map((cause) => `- ${cause}\n`).join("");
  const steps = hint(details)
    .filter((step) => step !== false)
    .map((step) => [step].flat())
    .map(
      ([text, ...commands], index) => `${index + 1}. ${[text, ...commands.map((c) => `\`${c}\``)].join("<br>\n   ")}\n`,
    )
    .join("");
  const advice = before === undefined ? steps : `What to do: see [${before}](#${before.toLowerCase()}).\n`;
  return [`## ${code}\n`, `> ${sentence(details) || details.reason}\n`, causes, advice].filter(Boolean).join("\n");
}
