import { invalidConfiguration } from "../errors/invalid-configuration.js";
import { describeFailure } from "../lib/foreign-failure.js";
import { redactText } from "../lib/redact.js";
import { loadConfigProvider } from "./exchange-packages.js";
import { ensureHomeDirectory } from "./home-directory.js";

/** A setting of the AWS SDKs: a variable of the environment, and the same setting in a profile. */
export interface SdkSetting {
  readonly variable: string;
  readonly profileKey: string;
}

/**
 * Reads a setting as the SDK does: the environment before the profile. Undefined if neither has it.
 *
 * @throws GkeWorkloadIdentityError `INVALID_CONFIGURATION` if it cannot be read.
 */
export async function readSdkSetting(
  { variable, profileKey }: SdkSetting,
  profile: string | undefined,
): Promise<string | undefined> {
  await ensureHomeDirectory();
  const { loadConfig } = await loadConfigProvider();
  const selectors = {
    environmentVariableSelector: (env: Record<string, string | undefined>) => env[variable] || undefined,
    configFileSelector: (section: Partial<Record<string, string>>) => section[profileKey] || undefined,
    default: "",
  };
  try {
    return (await loadConfig<string>(selectors, profile === undefined ? {} : { profile })()) || undefined;
  } catch (error) {
    const reason = `${variable}, or ${profileKey} of the profile, could not be read: ${redactText(describeFailure(error).text)}`;
    throw invalidConfiguration({ reason }, { cause: error });
  }
}
