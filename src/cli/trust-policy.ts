import type { Command } from "commander";
import { createTrustPolicy } from "../index.js";
import type { Output } from "./program.js";

/** `trust-policy`: the IAM trust policy for one Google service account and one audience. */
export function addTrustPolicy(program: Command, { stdout }: Output): void {
  program
    .command("trust-policy")
    .description("Print the IAM trust policy that lets a Google service account assume a role.")
    .requiredOption(
      "--service-account-unique-id <id>",
      "21 digits: gcloud iam service-accounts describe EMAIL --format 'value(uniqueId)'",
    )
    .option("--audience <audience>", "the ID token's audience; default: sts.amazonaws.com")
    .action(({ serviceAccountUniqueId, audience }: { serviceAccountUniqueId: string; audience?: string }) => {
      stdout.write(`${JSON.stringify(createTrustPolicy({ serviceAccountUniqueId, audience }), null, 2)}\n`);
    });
}
