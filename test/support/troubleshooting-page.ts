import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { ErrorDetails } from "../../src/errors/error.js";
import { ERRORS } from "../../src/errors/error-table.js";
import type { GkeWorkloadIdentityErrorCode } from "../../src/index.js";

const codes = Object.keys(ERRORS) as GkeWorkloadIdentityErrorCode[];
/** What leads to an error, where its hint does not say so. */
const CAUSES: Readonly<Partial<Record<GkeWorkloadIdentityErrorCode, readonly string[]>>> = {
  NOT_ON_GOOGLE_CLOUD: [
    "Another server answers at 169.254.169.254.",
    "`METADATA_SERVER_DETECTION` is `none`, or `bios-only` in a sandbox.",
  ],
  INVALID_CONFIGURATION: ["The message names the option or variable, and the values that are allowed."],
  NO_GOOGLE_SERVICE_ACCOUNT: [
    "The annotation `iam.gke.io/gcp-service-account` is missing, or the account does not exist.",
    "Without a Google service account, use [the cluster's own issuer](how-to/cluster-issuer.md).",
  ],
  GOOGLE_PERMISSION_DENIED: ["The binding of `roles/iam.workloadIdentityUser` is missing."],
  INVALID_ID_TOKEN: [
    "The clock is more than an hour ahead.",
    "`idTokenProvider` gives an access token, or another audience.",
  ],
  WEB_IDENTITY_TOKEN_FILE_INVALID: [
    "The file holds the pod's token for the Kubernetes API, which is never sent to AWS.",
  ],
  STS_ACCESS_DENIED: [
    "The role does not exist, or its trust policy does not allow this token.",
    "AWS compares `aud` with the token's `azp`, and `oaud` with the token's `aud`.",
  ],
  STS_INVALID_TOKEN: [
    "For a cluster's token: the IAM OIDC provider is missing, or lacks the audience. The hint has the command.",
  ],
  STS_UNREACHABLE: [
    "A firewall, NetworkPolicy or proxy stops the connection, or STS answers 5xx.",
    "If the message says `without an id of AWS`, a proxy answered. At status 407, put user and password into the proxy's address.",
  ],
};

const DETAILS: Readonly<Partial<Record<GkeWorkloadIdentityErrorCode, ErrorDetails>>> = {
  INVALID_CONFIGURATION: { reason: "keepFresh must be a boolean, got a string" },
};

/** `docs/troubleshooting.md`: what leads to each error, and the message and the hint of the table of errors. */
export const troubleshootingPage = (): string => `# Troubleshooting

The \`message\` of each error ends with its \`code\`. Its \`hint\` has the steps of this page, with your own names. In a pod,
\`npx gke-aws-credentials doctor\` checks each step.

${codes.map(toSection).join("\n")}
${readFileSync(join(import.meta.dirname, "pasted-messages.md"), "utf8")}`;

function toSection(code: GkeWorkloadIdentityErrorCode): string {
  const details: ErrorDetails = { platform: "kubernetes", ...DETAILS[code] };
  const { sentence, hint } = ERRORS[code];
  const before = codes.slice(0, codes.indexOf(code)).find((other) => ERRORS[other].hint === hint);
  const causes = (CAUSES[code] ?? []).map((cause) => `- ${cause}\n`).join("");
  const others = codes.filter((other) => other !== code && /_FILE_/.test(code) && /_FILE_MISSING/.test(other));
  const known = new Set(others.flatMap((other) => ERRORS[other].hint(details)).map(String));
  const steps = hint(details)
    .filter((step) => step !== false && !known.has(String(step)))
    .map((step) => [step].flat() as string[])
    .map(
      ([text, ...commands], index) => `${index + 1}. ${[text, ...commands.map((c) => `\`${c}\``)].join("<br>\n   ")}\n`,
    )
    .join("");
  const shared = known.size > 0 && hint(details).some((step) => known.has(String(step))) ? others[0] : before;
  const link = shared && `See ${before ? "" : "also "}[${shared}](#${shared.toLowerCase()}).\n`;
  const advice = [before === undefined && steps, link].filter(Boolean).join("\n");
  return [`## ${code}\n`, `> ${sentence(details) || details.reason}\n`, causes, advice].filter(Boolean).join("\n");
}
