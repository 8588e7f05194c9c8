import { type Command, InvalidArgumentError } from "commander";
import { fromGkeWorkloadIdentity } from "../index.js";
import type { Output } from "./program.js";

interface Flags {
  readonly sessionName?: string;
  readonly audience?: string;
  readonly durationSeconds?: number;
  readonly region?: string;
}

function toNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError("It must be a whole number.");
  return Number(text);
}

/** `credential-process`: one session as the AWS CLI and SDKs expect it of a `credential_process`. */
export function addCredentialProcess(program: Command, { stdout }: Output): void {
  program
    .command("credential-process")
    .description("Print one AWS session as JSON, for credential_process in an AWS config file.")
    .argument("[role-arn]", "the role to assume; default: AWS_JANUS_ROLE, else AWS_ROLE_ARN")
    .option("--session-name <name>", "the session's name; default: AWS_ROLE_SESSION_NAME, else the pod's name")
    .option("--audience <audience>", "the ID token's audience; default: sts.amazonaws.com")
    .option("--duration-seconds <seconds>", "length of the session, 900 to 43200; default: 3600", toNumber)
    .option("--region <region>", "where to call STS; default: AWS_REGION, else the profile's, else the partition's")
    .action(async (roleArn: string | undefined, flags: Flags) => {
      const provider = fromGkeWorkloadIdentity({
        roleArn: roleArn ?? (process.env.AWS_JANUS_ROLE || undefined),
        roleSessionName: flags.sessionName,
        audience: flags.audience,
        durationSeconds: flags.durationSeconds,
        ...(flags.region !== undefined && { clientConfig: { region: flags.region } }),
      });
      const { accessKeyId, secretAccessKey, sessionToken, expiration, accountId } = await provider();
      const answer = {
        Version: 1,
        AccessKeyId: accessKeyId,
        SecretAccessKey: secretAccessKey,
        SessionToken: sessionToken,
        Expiration: expiration.toISOString(),
        AccountId: accountId,
      };
      stdout.write(`${JSON.stringify(answer)}\n`);
    });
}
