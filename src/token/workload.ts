import { promises as fs } from "node:fs";
import type { ErrorDetails, IdentityClaims } from "../errors/error.js";
import { readClaims } from "./check-token.js";
import { readMetadata } from "./metadata.js";

/** Where Kubernetes puts a pod's own service account token, unless `automountServiceAccountToken` is off. */
const SERVICE_ACCOUNT_DIRECTORY = "/var/run/secrets/kubernetes.io/serviceaccount";

/**
 * The cluster (`iss`) and the Kubernetes service account (`sub`) of the pod's own token; undefined where no such token can
 * be read. The token is sent nowhere.
 */
export async function readKubernetesToken(
  directory = SERVICE_ACCOUNT_DIRECTORY,
): Promise<Pick<IdentityClaims, "iss" | "sub"> | undefined> {
  const token = await fs.readFile(`${directory}/token`, "utf8").catch(() => "");
  const claims = readClaims(token.trim());
  const text = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);
  return claims && { iss: text(claims.iss), sub: text(claims.sub) };
}

const SUBJECT = /^system:serviceaccount:([a-z0-9.-]+):([a-z0-9.-]+)$/;

/**
 * Who this workload is to Google and to Kubernetes, for the commands in a hint. Queries all sources for up to `ms` and omits
 * what it cannot find.
 */
export async function describeWorkload(ms: number, tokenDirectory?: string): Promise<ErrorDetails> {
  const [projectId, email, token] = await Promise.all([
    readMetadata("project/project-id", ms),
    readMetadata("instance/service-accounts/default/email", ms),
    readKubernetesToken(tokenDirectory),
  ]);
  const [, namespace, kubernetesServiceAccount] = SUBJECT.exec(token?.sub ?? "") ?? [];
  // Where no Google service account is linked, the answer is the workload pool: PROJECT.svc.id.goog.
  const pool = /^(.+)\.svc\.id\.goog$/.exec(email ?? "")?.[1];
  return { projectId: pool ?? projectId, serviceAccountEmail: email, namespace, kubernetesServiceAccount };
}
