import { readKubernetesToken } from "./kubernetes-token.js";
import { readMetadata } from "./metadata-server.js";

/** Who this workload is to Google and to Kubernetes, as far as that can be found out: for the commands in a hint. */
export interface Workload {
  readonly projectId?: string | undefined;
  /** What the metadata server calls `default`: a Google service account, or a workload pool where none is linked. */
  readonly serviceAccountEmail?: string | undefined;
  readonly namespace?: string | undefined;
  readonly kubernetesServiceAccount?: string | undefined;
}

const SUBJECT = /^system:serviceaccount:([a-z0-9.-]+):([a-z0-9.-]+)$/;
/** An email, or the workload pool. */
const EMAIL = /^[\w.-]+(@[\w.-]+)?$/;
const PROJECT = /^[a-z0-9.:-]+$/;

/** Values that go into a command to be pasted: of the form that they must have, or none. */
const only = (form: RegExp, value: string | undefined): string | undefined =>
  value !== undefined && form.test(value) ? value : undefined;

async function kubernetesIdentity(
  directory: string | undefined,
): Promise<Pick<Workload, "namespace" | "kubernetesServiceAccount">> {
  const { sub = "" } = (await readKubernetesToken(directory)) ?? {};
  const [, namespace, kubernetesServiceAccount] = SUBJECT.exec(sub) ?? [];
  return { namespace, kubernetesServiceAccount };
}

/** Queries all sources for up to `ms` and omits what it cannot find. */
export async function describeWorkload(ms: number, directory?: string): Promise<Workload> {
  const [projectId, email, kubernetes] = await Promise.all([
    readMetadata("project/project-id", ms),
    readMetadata("instance/service-accounts/default/email", ms),
    kubernetesIdentity(directory),
  ]);
  // Where no Google service account is linked, the answer is the workload pool: PROJECT.svc.id.goog.
  const pool = /^(.+)\.svc\.id\.goog$/.exec(email ?? "")?.[1];
  return {
    projectId: only(PROJECT, pool ?? projectId),
    serviceAccountEmail: only(EMAIL, email),
    ...kubernetes,
  };
}
