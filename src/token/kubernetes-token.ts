import { readIdTokenClaims } from "../lib/id-token-claims.js";

/** Where Kubernetes puts a pod's own service account token, unless `automountServiceAccountToken` is off. */
const SERVICE_ACCOUNT_DIRECTORY = "/var/run/secrets/kubernetes.io/serviceaccount";

export interface KubernetesToken {
  /** The cluster. */
  readonly iss?: string | undefined;
  /** `system:serviceaccount:NAMESPACE:NAME` */
  readonly sub?: string | undefined;
}

const text = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);

/** What the pod's own Kubernetes token says; undefined where no such token can be read. The token is sent nowhere. */
export async function readKubernetesToken(directory = SERVICE_ACCOUNT_DIRECTORY): Promise<KubernetesToken | undefined> {
  // Not at the top: loading it takes a tenth of the time that importing this package takes.
  const { readFile } = await import("node:fs/promises");
  const token = await readFile(`${directory}/token`, "utf8").catch(() => undefined);
  const claims = readIdTokenClaims(token?.trim());
  return claims && { iss: text(claims.iss), sub: text(claims.sub) };
}
