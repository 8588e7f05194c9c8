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
    "It runs elsewhere, or something else answers at 169.254.169.254.",
    "`METADATA_SERVER_DETECTION` is `none`, or `bios-only` inside a sandbox.",
  ],
  INVALID_CONFIGURATION: [
    "The message names the option or variable, and what is allowed.",
    "STS and the role are in different partitions.",
    "STS refused a value, such as a duration above the role's maximum.",
    "A package could not be loaded.",
  ],
  METADATA_UNAVAILABLE: [
    "Something else answers, or the server says 429 or 5xx until `timeoutMs`.",
    "The `idTokenProvider` failed.",
  ],
  NO_GOOGLE_SERVICE_ACCOUNT: [
    "The annotation `iam.gke.io/gcp-service-account` is missing, or names no existing account.",
    "Cloud Build has no ID tokens.",
  ],
  GOOGLE_PERMISSION_DENIED: ["The binding of `roles/iam.workloadIdentityUser` is missing."],
  INVALID_ID_TOKEN: [
    "The clock is more than an hour ahead.",
    "`idTokenProvider` gives an access token, or another audience.",
  ],
  WEB_IDENTITY_TOKEN_FILE_MISSING: ["The sidecar that writes it has not started."],
  WEB_IDENTITY_TOKEN_FILE_INVALID: [
    "It is the Kubernetes API's, in `/var/run/secrets/kubernetes.io/serviceaccount`, which is never sent to AWS.",
    "It is empty, or no JWT.",
  ],
  STS_ACCESS_DENIED: ["The role does not exist, or its trust policy does not allow this token."],
  STS_INVALID_TOKEN: [
    "For a cluster's token: the role's account has no IAM OIDC provider with this issuer and audience. The hint has the command.",
  ],
  STS_UNREACHABLE: [
    "A firewall, NetworkPolicy or proxy stops the connection, or STS answers 5xx.",
    "A status `without an id of AWS` is the proxy's. At 407, put user and password into its address.",
  ],
};

const DETAILS: Readonly<Partial<Record<GkeWorkloadIdentityErrorCode, ErrorDetails>>> = {
  INVALID_CONFIGURATION: { reason: "keepFresh must be a boolean, got a string" },
};

/** `docs/troubleshooting.md`: what leads to each error, and the message and the hint of the table of errors. */
export const troubleshootingPage = (): string => `# Troubleshooting

Every failure is a \`GkeWorkloadIdentityError\`. Its \`message\` ends with its \`code\`; its \`hint\` says what to do, with the real
names. In a pod, \`npx gke-aws-credentials doctor\` checks each step. This page is made by \`npm run docs:troubleshooting\`.

Tried again within a call: ${list((code) => ERRORS[code].retryable)}.
For a second after a failure, calls get the same error; then a call tries again. A credential chain goes on after
${list((code) => ERRORS[code].tryNextLink)} alone.

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
  const advice = before === undefined ? steps : `See [${before}](#${before.toLowerCase()}).\n`;
  return [`## ${code}\n`, `> ${sentence(details) || details.reason}\n`, causes, advice].filter(Boolean).join("\n");
}
