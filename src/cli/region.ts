import { loadPackage as load } from "../errors/create-error.js";

/**
 * The region for a command: `--region`, else `AWS_REGION`, else `AWS_DEFAULT_REGION` (which is what boto3 and the AWS CLI
 * call it), else that of the profile in the AWS config files. Undefined where there is none.
 */
export async function findRegion(
  flag: string | undefined,
  env: NodeJS.ProcessEnv = process.env,
): Promise<string | undefined> {
  const given = flag || env.AWS_REGION || env.AWS_DEFAULT_REGION;
  if (given) return given;
  const { loadConfig } = await load("@smithy/node-config-provider", import("@smithy/node-config-provider"));
  const ofProfile = await loadConfig<string>({
    environmentVariableSelector: () => undefined,
    configFileSelector: (section) => section.region,
    default: "",
  })().catch(() => ""); // The provider meets the same file, and says what is wrong with it.
  return ofProfile || undefined;
}
