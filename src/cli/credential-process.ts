import type { Command } from "commander";
import { fromGkeWorkloadIdentity } from "../index.js";
import type { Output } from "./output.js";
import { addProviderOptions, addRoleArgument, type ProviderFlags, toInit } from "./provider-options.js";

/** `credential-process`: one session as the AWS CLI and SDKs expect it of a `credential_process`. */
export function addCredentialProcess(program: Command, { stdout }: Output): void {
  const command = program
    .command("credential-process")
    .description("Print one AWS session as JSON, for credential_process in an AWS config file.");
  addProviderOptions(addRoleArgument(command)).action(async (roleArn: string | undefined, flags: ProviderFlags) => {
    const session = await fromGkeWorkloadIdentity(toInit(roleArn, flags))();
    const answer = {
      Version: 1,
      AccessKeyId: session.accessKeyId,
      SecretAccessKey: session.secretAccessKey,
      SessionToken: session.sessionToken,
      Expiration: session.expiration.toISOString(),
      AccountId: session.accountId,
    };
    stdout.write(`${JSON.stringify(answer)}\n`);
  });
}
