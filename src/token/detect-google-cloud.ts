import { GkeWorkloadIdentityError } from "../errors/gke-workload-identity-error.js";
import { load } from "../lib/import-package.js";
import { askMetadata } from "./metadata-server.js";

/** How long the one question to the metadata server may take where nothing else says that this is Google Cloud. */
const PROBE_MS = 500;

type Sign = "yes" | "no" | "unknown";

/** What the environment alone says, without a call. `GCE_METADATA_HOST` names a server, so it is meant to be used. */
function signInEnvironment(env: NodeJS.ProcessEnv): Sign {
  if (env.GCE_METADATA_HOST || env.GCE_METADATA_IP) return "yes";
  const detection = env.METADATA_SERVER_DETECTION?.trim().toLowerCase();
  if (detection === "none") return "no";
  if (detection === "assume-present") return "yes";
  // BIOS and MAC address may be hidden inside a sandbox such as gVisor: any Kubernetes pod may be GKE's.
  return env.KUBERNETES_SERVICE_HOST ? "yes" : "unknown";
}

/** Asks the well-known address whether it is Google's. AWS and others answer there too, but without the header. */
export const answersAsGoogle = (address: string): Promise<boolean> =>
  askMetadata("/", PROBE_MS, address).then(
    ({ isGoogle }) => isGoogle,
    () => false,
  );

/**
 * Whether a metadata server is to be expected here. Takes less than a second where there is none.
 *
 * `METADATA_SERVER_DETECTION` is gcp-metadata's own variable and means what it means there.
 */
async function isOnGoogleCloud(): Promise<boolean> {
  const sign = signInEnvironment(process.env);
  if (sign !== "unknown") return sign === "yes";
  const { gcpMetadata } = await load(import("google-auth-library"));
  if (gcpMetadata.getGCPResidency()) return true;
  if (process.env.METADATA_SERVER_DETECTION?.trim().toLowerCase() === "bios-only") return false;
  return answersAsGoogle(gcpMetadata.HOST_ADDRESS);
}

/**
 * Ends the acquisition off Google Cloud, so that a credential chain can go on to its next provider.
 *
 * @throws GkeWorkloadIdentityError `NOT_ON_GOOGLE_CLOUD`
 */
export async function requireGoogleCloud(): Promise<void> {
  if (await isOnGoogleCloud()) return;
  throw new GkeWorkloadIdentityError("NOT_ON_GOOGLE_CLOUD", {
    reason: "no metadata server answers here, and nothing else says that this is Google Cloud.",
  });
}
