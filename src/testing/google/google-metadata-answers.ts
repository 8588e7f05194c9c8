import type { FaultQueue } from "../lib/faults.js";
import type { Answer, ReceivedRequest } from "../lib/loopback-server.js";
import { answerWithFault, type GoogleMetadataFault, isForPath, metadataAnswer } from "./google-metadata-faults.js";

/** What the metadata server knows about its workload. */
export interface MetadataContents {
  readonly serviceAccount: { readonly email: string; readonly uniqueId: string } | null;
  readonly projectId: string;
  readonly hostname: string;
  readonly clusterAttributes: Readonly<Record<string, string>>;
  /** Makes a signed ID token for this audience. */
  readonly issueIdToken: (audience: string) => string;
}

const NOT_ANNOTATED =
  "Your Kubernetes service account (default/default) is not annotated with a target Google service account, which is a requirement for retrieving Identity Tokens using Workload Identity.";

/** Makes the function that answers a request for a path below `/computeMetadata/v1/`: with the fault that is due, if any. */
export function createAnswer(contents: MetadataContents, faults: FaultQueue<GoogleMetadataFault>) {
  return async (
    { headers }: ReceivedRequest,
    path: string | undefined,
    query: URLSearchParams,
  ): Promise<Answer | "hang"> => {
    // Without its own header the real server answers 403, and does not say who it is.
    if (headers["metadata-flavor"] !== "Google") return { status: 403, body: "Missing Metadata-Flavor:Google header." };
    if (path === undefined) return metadataAnswer(404, "Not Found");
    return answerWithFault(faults.next(isForPath(path)), () => answerMetadata(contents, path, query));
  };
}

/** What the real server answers. */
function answerMetadata(contents: MetadataContents, path: string, query: URLSearchParams): Answer {
  const { serviceAccount, projectId, hostname, clusterAttributes } = contents;
  const [, account, property] = /^instance\/service-accounts\/([^/]+)\/(\w+)$/.exec(path) ?? [];
  if (account && property) {
    if (account !== "default" && account !== serviceAccount?.email)
      return metadataAnswer(404, `Not Found; Gaia id not found for email ${account}`);
    if (property === "identity") return answerIdentity(contents, query);
    if (property === "email") return metadataAnswer(200, serviceAccount?.email ?? `${projectId}.svc.id.goog`);
  }
  if (path === "instance/hostname") return metadataAnswer(200, hostname);
  if (path === "project/project-id") return metadataAnswer(200, projectId);
  const attribute = /^instance\/attributes\/([\w-]+)$/.exec(path)?.[1];
  if (attribute !== undefined && Object.hasOwn(clusterAttributes, attribute))
    return metadataAnswer(200, clusterAttributes[attribute] ?? "");
  if (path === "instance/attributes/") return metadataAnswer(200, Object.keys(clusterAttributes).join("\n"));
  if (path === "") return metadataAnswer(200, "instance/\nproject/\n");
  return metadataAnswer(404, "Not Found");
}

function answerIdentity({ serviceAccount, issueIdToken }: MetadataContents, query: URLSearchParams): Answer {
  const audience = query.get("audience");
  if (!audience) return metadataAnswer(400, "non-empty audience parameter required");
  return serviceAccount ? metadataAnswer(200, issueIdToken(audience)) : metadataAnswer(404, NOT_ANNOTATED);
}
