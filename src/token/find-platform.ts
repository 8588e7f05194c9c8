import type { Platform } from "../errors/error-codes.js";
import { platformOf } from "../errors/safe-details.js";
import { readKubernetesToken } from "./kubernetes-token.js";

/**
 * Where on Google Cloud this process runs, for its hints. Every pod has `KUBERNETES_SERVICE_HOST`, or a token that
 * Kubernetes mounts; Cloud Run and Cloud Functions set variables of their own. Everything else is a virtual machine.
 */
export async function findPlatform(env: NodeJS.ProcessEnv = process.env): Promise<Platform> {
  const named = platformOf({}, env);
  if (named === "kubernetes" || (await readKubernetesToken()) !== undefined) return "kubernetes";
  return named ?? "compute-engine";
}
