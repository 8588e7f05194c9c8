import { join } from "node:path";

// What a developer's machine, or a CI runner on some cloud, has set must not decide a test.
for (const name of Object.keys(process.env)) {
  if (/^(AWS|GCE|GOOGLE|KUBERNETES|K_|CLOUD_RUN|FUNCTION)_?/.test(name)) delete process.env[name];
}
const nowhere = join(import.meta.dirname, "no-such-file");
process.env.AWS_CONFIG_FILE = nowhere;
process.env.AWS_SHARED_CREDENTIALS_FILE = nowhere;
process.env.AWS_EC2_METADATA_DISABLED = "true";
process.env.METADATA_SERVER_DETECTION = "none";
