import { answerWithHttpFault, type HttpFault } from "../lib/http-faults.js";
import type { Answer } from "../lib/loopback-server.js";

/**
 * What can go wrong at the metadata server. The statuses 403 and 404 refuse an ID token, so only `identity` answers them, as
 * on GKE; every other fault is for every path.
 */
export type GoogleMetadataFault =
  | HttpFault
  | {
      /** Something else answers: no `Metadata-Flavor`, or another one. */
      readonly kind: "wrongFlavor";
      /** The header's value. Default: no header. */
      readonly flavor?: string | undefined;
    }
  | {
      /** The right answer with another `Date`, as from a server whose clock is not this machine's. */
      readonly kind: "date";
      /** The header's value, an HTTP date. */
      readonly date: string;
    };

/** Texts of GKE's and Compute Engine's own answers. */
const ERROR_BODIES: Readonly<Record<number, string>> = {
  403: "Unable to generate identity token; IAM returned 403 Forbidden: Permission 'iam.serviceAccounts.getOpenIdToken' denied on resource (or it may not exist).\nThis error could be caused by a missing IAM policy binding on the target IAM service account.",
  404: "Unable to generate identity token; IAM returned 404 Not Found: Not found; Gaia id not found for email",
  429: "Too Many Requests",
  500: "GKE Metadata Server: Internal Server Error",
  503: "Service Unavailable",
  504: "context deadline exceeded",
};

const NOT_ANNOTATED =
  "Your Kubernetes service account (default/default) is not annotated with a target Google service account, which is a requirement for retrieving Identity Tokens using Workload Identity.";

/** An answer as the metadata server sends it, with the header that says who it is. */
export const metadataAnswer = (
  status: number,
  body = status === 200 ? "" : (ERROR_BODIES[status] ?? `status ${status}`),
): Answer => ({
  status,
  headers: { "Content-Type": "text/html", "Metadata-Flavor": "Google", Server: "GKE Metadata Server" },
  body,
});

/** Only `identity` answers the statuses 403 and 404. */
export const isForPath =
  (path: string) =>
  (fault: GoogleMetadataFault): boolean =>
    path.endsWith("/identity") || fault.kind !== "status" || ![403, 404].includes(fault.status);

/** Answers as the fault says. */
export async function answerWithFault(
  fault: GoogleMetadataFault | undefined,
  answer: () => Answer,
): Promise<Answer | "hang"> {
  if (fault?.kind === "wrongFlavor")
    return { ...answer(), headers: fault.flavor === undefined ? {} : { "Metadata-Flavor": fault.flavor } };
  if (fault?.kind === "date") {
    const right = answer();
    return { ...right, headers: { ...right.headers, Date: fault.date } };
  }
  return answerWithHttpFault(fault, answer, metadataAnswer);
}

/** What the metadata server knows about its workload. */
export interface MetadataContents {
  readonly serviceAccount: { readonly email: string; readonly uniqueId: string } | null;
  readonly projectId: string;
  readonly hostname: string;
  readonly clusterAttributes: Readonly<Record<string, string>>;
  /** Makes a signed ID token for this audience. */
  readonly issueIdToken: (audience: string) => string;
}

/** What the real server answers for a path below `/computeMetadata/v1/`. */
export function answerMetadata(contents: MetadataContents, path: string, query: URLSearchParams): Answer {
  const { serviceAccount, projectId, hostname, clusterAttributes, issueIdToken } = contents;
  const [, account, property] = /^instance\/service-accounts\/([^/]+)\/(\w+)$/.exec(path) ?? [];
  if (account && account !== "default" && account !== serviceAccount?.email)
    return metadataAnswer(404, `Not Found; Gaia id not found for email ${account}`);
  if (property === "identity") {
    const audience = query.get("audience");
    if (!audience) return metadataAnswer(400, "non-empty audience parameter required");
    return serviceAccount ? metadataAnswer(200, issueIdToken(audience)) : metadataAnswer(404, NOT_ANNOTATED);
  }
  if (property === "email") return metadataAnswer(200, serviceAccount?.email ?? `${projectId}.svc.id.goog`);
  const values = new Map([
    ["", "instance/\nproject/\n"],
    ["instance/hostname", hostname],
    ["project/project-id", projectId],
    ["instance/attributes/", Object.keys(clusterAttributes).join("\n")],
    ...Object.entries(clusterAttributes).map(([name, value]) => [`instance/attributes/${name}`, value] as const),
  ]);
  const value = values.get(path);
  return value === undefined ? metadataAnswer(404, "Not Found") : metadataAnswer(200, value);
}
