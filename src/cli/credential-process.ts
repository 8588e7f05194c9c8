import type { Command } from "commander";
import { fromGkeWorkloadIdentity } from "../index.js";
import { addExample, addProviderOptions, type ProviderFlags, toInit } from "./flags.js";
import type { Output } from "./output.js";

/** `credential-process`: one session as the AWS CLI and SDKs expect it of a `credential_process`. */
export function addCredentialProcess(program: Command, output: Output): void {
  const command = program
    .command("credential-process")
    .description("Print one AWS session as JSON, for credential_process in an AWS config file.")
    // `AWS_JANUS_ROLE` is janus.py's own variable: it works here alone, where janus.py is replaced.
    .argument("[role-arn]", "the role to assume; default: AWS_JANUS_ROLE, else AWS_ROLE_ARN");
  addExample(
    addProviderOptions(command),
    "[default]",
    "credential_process = gke-aws-credentials credential-process arn:aws:iam::123456789012:role/reader",
  ).action(async (roleArn: string | undefined, flags: ProviderFlags) => {
    const arn = roleArn ?? (process.env.AWS_JANUS_ROLE || undefined);
    const session = await fromGkeWorkloadIdentity(await toInit(arn, flags))();
    const answer = {
      Version: 1,
      AccessKeyId: session.accessKeyId,
      SecretAccessKey: session.secretAccessKey,
      SessionToken: session.sessionToken,
      Expiration: session.expiration.toISOString(),
      AccountId: session.accountId,
    };
    output.stdout.write(`${JSON.stringify(answer)}\n`);
  });
}
