/** Where the AWS SDK looks for a home directory, before it asks the operating system. */
const VARIABLES = ["HOME", "USERPROFILE", "HOMEPATH"];

/**
 * Sets `HOME` to `/`, as container runtimes do, in a process that has no home directory: no variable names one, and its
 * user id is not in the password file. The AWS SDK looks for configuration files there whatever it is given, and every
 * client of it fails without a home directory.
 */
export async function ensureHomeDirectory(env: NodeJS.ProcessEnv = process.env): Promise<void> {
  if (VARIABLES.some((name) => env[name])) return;
  const { homedir } = await import("node:os");
  try {
    homedir();
  } catch {
    env.HOME = "/";
  }
}
