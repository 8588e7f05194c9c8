import { readFile } from "node:fs/promises";
import { devNull, homedir } from "node:os";
import { join, resolve } from "node:path";
import { hasCredentials, profilesOf, withoutCredentials } from "./aws-config-filter.js";
import { CommandError } from "./command-error.js";
import { createPrivateFiles, type PrivateFiles } from "./private-files.js";

/** Where the child of `exec` finds its session, and the region that it uses. */
export interface ExecSession {
  readonly uri: string;
  readonly authorization: string;
  readonly region: string | undefined;
}

export interface ExecEnvironment {
  readonly env: NodeJS.ProcessEnv;
  /** Removes the files that were made for it. */
  readonly removeFiles: () => void;
}

/**
 * Variables that say who the caller is: what any SDK, the AWS CLI, minio-go or rclone looks at before the container credentials,
 * or instead of them. Settings such as `AWS_ENDPOINT_URL`, `AWS_CA_BUNDLE` and `AWS_MAX_ATTEMPTS` are not among them.
 */
const CREDENTIAL_VARIABLES =
  /^(AWS_(ACCESS_KEY(_ID)?|SECRET_(ACCESS_)?KEY|SESSION_TOKEN|SECURITY_TOKEN|CREDENTIAL_.*|BEARER_TOKEN_.*|(IAM_)?ROLE_ARN|(IAM_)?ROLE_SESSION_NAME|WEB_IDENTITY_TOKEN_FILE|CONTAINER_.*|SHARED_CREDENTIALS_FILE|CONFIG_FILE|PROFILE|DEFAULT_PROFILE)|AMAZON_(ACCESS_KEY_ID|SECRET_ACCESS_KEY|SESSION_TOKEN)|RCLONE_S3_(ACCESS_KEY_ID|SECRET_ACCESS_KEY|SESSION_TOKEN|PROFILE|SHARED_CREDENTIALS_FILE)|BOTO_(CONFIG|PATH)|MINIO_(ACCESS_KEY|SECRET_KEY|ROOT_USER|ROOT_PASSWORD|SHARED_CREDENTIALS_FILE|ALIAS))$/;

/** Options of a Java machine that rank above every variable. */
const JAVA_OPTIONS = ["JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS"];
const JAVA_CREDENTIALS =
  /-Daws\.(accessKeyId|secretKey|secretAccessKey|sessionToken|webIdentityTokenFile|roleArn|profile|configFile|sharedCredentialsFile)\b/;

/**
 * The environment in which a command finds one session and no other identity, and all settings that it had.
 *
 * @throws CommandError where a source of credentials cannot be hidden.
 */
export async function createExecEnvironment(
  session: ExecSession,
  env: NodeJS.ProcessEnv = process.env,
): Promise<ExecEnvironment> {
  refuseJavaCredentials(env);
  const config = await readShared("AWS_CONFIG_FILE", "config", env);
  const credentials = await readShared("AWS_SHARED_CREDENTIALS_FILE", "credentials", env);
  const profiles = new Set([...profilesOf(config.text), ...profilesOf(credentials.text)]);
  // A profile whose section is only in the credentials file keeps its name: an SDK refuses an unknown one.
  const selected = ["AWS_PROFILE", "AWS_DEFAULT_PROFILE"].filter((name) => profiles.has(env[name] ?? ""));
  const files = createPrivateFiles();
  return {
    env: {
      ...Object.fromEntries(Object.entries(env).filter(([name]) => !CREDENTIAL_VARIABLES.test(name))),
      ...Object.fromEntries(selected.map((name) => [name, env[name]])),
      AWS_CONFIG_FILE: hide(config, files),
      AWS_SHARED_CREDENTIALS_FILE: hide(credentials, files),
      // Rust's object_store (Polars, delta-rs, Lance) reads the file alone.
      AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: files.write(session.authorization),
      ...ownVariables(session),
    },
    removeFiles: files.remove,
  };
}

const ownVariables = ({ uri, authorization, region }: ExecSession): NodeJS.ProcessEnv => ({
  AWS_CONTAINER_CREDENTIALS_FULL_URI: uri,
  AWS_CONTAINER_AUTHORIZATION_TOKEN: authorization,
  // boto3 reads AWS_DEFAULT_REGION alone; the SDKs for JavaScript, Go and Java read AWS_REGION alone.
  ...(region !== undefined && { AWS_REGION: region, AWS_DEFAULT_REGION: region }),
  // Asked where the container credentials fail; on Google Cloud that is not AWS's metadata server.
  AWS_EC2_METADATA_DISABLED: "true",
  // Where these are not set, botocore reads ~/.boto and /etc/boto.cfg, and minio-go ~/.mc/config.json.
  BOTO_CONFIG: devNull,
  MINIO_SHARED_CREDENTIALS_FILE: devNull,
});

function refuseJavaCredentials(env: NodeJS.ProcessEnv): void {
  for (const name of JAVA_OPTIONS) {
    const found = JAVA_CREDENTIALS.exec(env[name] ?? "")?.[0];
    if (found !== undefined) {
      throw new CommandError(
        `${name} sets ${found}, which a Java program would use in place of the role. Remove it from ${name}.`,
      );
    }
  }
}

interface SharedFile {
  readonly path: string;
  /** Empty where there is no such file, or it cannot be read. */
  readonly text: string;
}

/**
 * A file that the SDKs read: where its variable says, else in `~/.aws`. botocore expands a leading `~`. One that cannot
 * be read is like one that is not there: the command is led away from both.
 */
async function readShared(variable: string, name: string, env: NodeJS.ProcessEnv): Promise<SharedFile> {
  const home = env.HOME || homedir();
  const path = resolve((env[variable] || join("~", ".aws", name)).replace(/^~(?=\/)/, home));
  return { path, text: await readFile(path, "utf8").catch(() => "") };
}

/** The path for the command: the file itself where it holds no credentials, else a copy without them. */
function hide({ path, text }: SharedFile, files: PrivateFiles): string {
  if (text.trim() === "") return devNull;
  return hasCredentials(text) ? files.write(withoutCredentials(text)) : path;
}
