import { promises as fs } from "node:fs";
import { platformOf } from "../errors/create-error.js";
import type { Platform } from "../errors/error.js";
import { readClaims } from "./check-token.js";
import { readMetadata } from "./metadata.js";

/** Where Kubernetes puts a pod's own service account token, unless `automountServiceAccountToken` is off. */
const SERVICE_ACCOUNT_DIRECTORY = "/var/run/secrets/kubernetes.io/serviceaccount";

/** The pod's own Kubernetes token: its cluster, and `system:serviceaccount:NAMESPACE:NAME`. */
export interface KubernetesToken {
  readonly iss?: string | undefined;
  readonly sub?: string | undefined;
}

/** What the pod's own Kubernetes token says; undefined where no such token can be read. The token is sent nowhere. */
export async function readKubernetesToken(directory = SERVICE_ACCOUNT_DIRECTORY): Promise<KubernetesToken | undefined> {
  const token = await fs.readFile(`${directory}/token`, "utf8").catch(() => "");
  const claims = readClaims(token.trim());
  const text = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);
  return claims && { iss: text(claims.iss), sub: text(claims.sub) };
}

/**
 * Where on Google Cloud this process runs, for its hints. Every pod has `KUBERNETES_SERVICE_HOST`, or a token that
 * Kubernetes mounts; Cloud Run, Cloud Functions and App Engine set variables of their own. Everything else is a virtual
 * machine.
 */
export async function findPlatform(env: NodeJS.ProcessEnv = process.env): Promise<Platform> {
  const named = platformOf({}, env);
  if (named === "kubernetes" || (await readKubernetesToken()) !== undefined) return "kubernetes";
  return named ?? "compute-engine";
}

/** Who this workload is to Google and to Kubernetes, as far as that can be found out: for the commands in a hint. */
export interface Workload {
  readonly projectId?: string | undefined;
  /** What the metadata server calls `default`: a Google service account, or a workload pool where none is linked. */
  readonly serviceAccountEmail?: string | undefined;
  readonly namespace?: string | undefined;
  readonly kubernetesServiceAccount?: string | undefined;
}

const SUBJECT = /^system:serviceaccount:([a-z0-9.-]+):([a-z0-9.-]+)$/;

/** Queries all sources for up to `ms` and omits what it cannot find. */
export async function describeWorkload(ms: number, directory?: string): Promise<Workload> {
  const [projectId, email, token] = await Promise.all([
    readMetadata("project/project-id", ms),
    readMetadata("instance/service-accounts/default/email", ms),
    readKubernetesToken(directory),
  ]);
  const [, namespace, kubernetesServiceAccount] = SUBJECT.exec(token?.sub ?? "") ?? [];
  // Where no Google service account is linked, the answer is the workload pool: PROJECT.svc.id.goog.
  const pool = /^(.+)\.svc\.id\.goog$/.exec(email ?? "")?.[1];
  return { projectId: pool ?? projectId, serviceAccountEmail: email, namespace, kubernetesServiceAccount };
}
