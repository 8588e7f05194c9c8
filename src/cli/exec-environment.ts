import { randomUUID } from "node:crypto";
import fs from "node:fs";
import { devNull, homedir, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { hasCredentials, profilesOf, withoutCredentials } from "./aws-config-filter.js";

/**
 * Variables that say who the caller is: what any SDK, the AWS CLI, minio-go or rclone looks at before the container credentials,
 * or instead of them. Settings such as `AWS_ENDPOINT_URL`, `AWS_CA_BUNDLE` and `AWS_MAX_ATTEMPTS` are not among them.
 */
const CREDENTIAL_VARIABLES =
  /^(AWS_(ACCESS_KEY(_ID)?|SECRET_(ACCESS_)?KEY|SESSION_TOKEN|SECURITY_TOKEN|CREDENTIAL_.*|BEARER_TOKEN_.*|(IAM_)?ROLE_ARN|(IAM_)?ROLE_SESSION_NAME|WEB_IDENTITY_TOKEN_FILE|CONTAINER_.*|SHARED_CREDENTIALS_FILE|CONFIG_FILE)|AMAZON_(ACCESS_KEY_ID|SECRET_ACCESS_KEY|SESSION_TOKEN)|RCLONE_S3_(ACCESS_KEY_ID|SECRET_ACCESS_KEY|SESSION_TOKEN|PROFILE|SHARED_CREDENTIALS_FILE)|BOTO_(CONFIG|PATH)|MINIO_(ACCESS_KEY|SECRET_KEY|ROOT_USER|ROOT_PASSWORD|SHARED_CREDENTIALS_FILE|ALIAS))$/;

/** Options of a Java machine that rank above every variable. */
const JAVA_OPTIONS = ["JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS"];
const JAVA_CREDENTIALS =
  /-Daws\.(accessKeyId|secretKey|secretAccessKey|sessionToken|webIdentityTokenFile|roleArn|profile|configFile|sharedCredentialsFile)\b/;

/**
 * The environment in which a command finds one session and no other identity, and all settings that it had. `removeFiles`
 * removes the files that were made for it.
 *
 * @throws Error where a source of credentials cannot be hidden.
 */
export async function createExecEnvironment(
  { uri, authorization, region }: { uri: string; authorization: string; region: string | undefined },
  env: NodeJS.ProcessEnv,
) {
  refuseJavaCredentials(env);
  const config = await readShared("AWS_CONFIG_FILE", "config", env);
  const credentials = await readShared("AWS_SHARED_CREDENTIALS_FILE", "credentials", env);
  const profiles = new Set([...profilesOf(config.text), ...profilesOf(credentials.text)]);
  // A profile whose section is only in the credentials file keeps its name: an SDK refuses an unknown one.
  const isKept = ([name, value = ""]: [string, string | undefined]): boolean =>
    /^AWS_(DEFAULT_)?PROFILE$/.test(name) ? profiles.has(value) : !CREDENTIAL_VARIABLES.test(name);
  const files = createPrivateFiles();
  const ownVariables = {
    AWS_CONFIG_FILE: hide(config, files.write),
    AWS_SHARED_CREDENTIALS_FILE: hide(credentials, files.write),
    AWS_CONTAINER_CREDENTIALS_FULL_URI: uri,
    AWS_CONTAINER_AUTHORIZATION_TOKEN: authorization,
    // Rust's object_store (Polars, delta-rs, Lance) reads the file alone.
    AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: files.write(authorization),
    // boto3 reads AWS_DEFAULT_REGION alone; the SDKs for JavaScript, Go and Java read AWS_REGION alone.
    ...(region !== undefined && { AWS_REGION: region, AWS_DEFAULT_REGION: region }),
    // Asked where the container credentials fail; on Google Cloud that is not AWS's metadata server.
    AWS_EC2_METADATA_DISABLED: "true",
    // Where these are not set, botocore reads ~/.boto and /etc/boto.cfg, and minio-go ~/.mc/config.json.
    BOTO_CONFIG: devNull,
    MINIO_SHARED_CREDENTIALS_FILE: devNull,
  };
  const kept = Object.fromEntries(Object.entries(env).filter(isKept));
  return { env: { ...kept, ...ownVariables } as NodeJS.ProcessEnv, removeFiles: files.remove };
}

function refuseJavaCredentials(env: NodeJS.ProcessEnv): void {
  for (const name of JAVA_OPTIONS) {
    const found = JAVA_CREDENTIALS.exec(env[name] ?? "")?.[0];
    if (found !== undefined)
      throw new Error(
        `${name} sets ${found}, which a Java program would use in place of the role. Remove it from ${name}.`,
      );
  }
}

/**
 * A file that the SDKs read: where its variable says, else in `~/.aws`. botocore expands a leading `~`. The text is empty where
 * there is no such file, or it cannot be read: the command is led away from both.
 */
async function readShared(variable: string, name: string, env: NodeJS.ProcessEnv) {
  const home = env.HOME || homedir();
  const path = resolve((env[variable] || join("~", ".aws", name)).replace(/^~(?=\/)/, home));
  return { path, text: await fs.promises.readFile(path, "utf8").catch(() => "") };
}

/** The path for the command: the file itself where it holds no credentials, else a copy without them. */
function hide({ path, text }: { path: string; text: string }, write: (text: string) => string): string {
  if (text.trim() === "") return devNull;
  return hasCredentials(text) ? write(withoutCredentials(text)) : path;
}

/**
 * Files that are as safe as a variable of the environment: only who knows a path, which nobody can guess or list, can read
 * it. So a command that changes its user can read them too. In memory where there is `/dev/shm`.
 */
export function createPrivateFiles() {
  const parent = fs.existsSync("/dev/shm") ? "/dev/shm" : tmpdir();
  const directory = fs.mkdtempSync(join(parent, "gke-aws-credentials-"));
  fs.chmodSync(directory, 0o711);
  const rm = (): void => fs.rmSync(directory, { recursive: true, force: true });
  // Also where a signal ends this process.
  process.on("exit", rm);
  const write = (text: string): string => {
    const path = join(directory, randomUUID());
    fs.writeFileSync(path, text, { flag: "wx" });
    fs.chmodSync(path, 0o444);
    return path;
  };
  const remove = (): void => {
    process.off("exit", rm);
    rm();
  };
  return { write, remove };
}
