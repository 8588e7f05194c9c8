import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ERRORS } from "../../src/errors/error-table.js";
import type { GkeWorkloadIdentityErrorCode } from "../../src/index.js";

const codes = Object.keys(ERRORS) as GkeWorkloadIdentityErrorCode[];

/** `docs/troubleshooting.md`, from the one table of errors. */
export const troubleshootingPage = (): string => `# Troubleshooting

Every failure is a \`GkeWorkloadIdentityError\` with a \`code\`, and its \`hint\` leads to the code's heading here. In a pod,
\`npx gke-aws-credentials doctor\` walks the chain step by step, and prints the commands for this place with the real names
filled in. This page is made from the table in \`src/errors/error-table.ts\` by \`npm run docs:troubleshooting\`.

"Tried again" is about one call. For a second after a failure, calls get the same error, unless an older session still
lives. A later call tries again, whatever the code.

${codes.map(toSection).join("\n")}
${readFileSync(join(import.meta.dirname, "pasted-messages.md"), "utf8")}`;

function toSection(code: GkeWorkloadIdentityErrorCode): string {
  const { causes, hint, commands, message, retryable, tryNextLink } = ERRORS[code];
  const details =
    code === "INVALID_CONFIGURATION"
      ? { reason: "durationSeconds is 5, but must be a whole number of seconds from 900 to 43200." }
      : ({ platform: "kubernetes" } as const);
  const lines = commands?.(details) ?? [];
  return `## ${code}

> ${message(details)}

Tried again within one call: ${retryable ? "yes" : "no"}. A credential chain goes on: ${tryNextLink ? "yes" : "no"}.

What leads here:

${causes.map((cause) => `- ${cause}`).join("\n")}

What to do: ${escapeBraces(hint(details))}
${lines.length > 0 ? `\n\`\`\`sh\n${lines.join("\n")}\n\`\`\`\n` : ""}`;
}

/** A policy in a sentence is code to Markdown. */
const escapeBraces = (text: string): string => text.replace(/\{".*"\}\}/, (json) => `\`${json}\``);
