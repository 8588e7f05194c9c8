import type { FaultKinds } from "../lib/faults.js";
import { answerWithHttpFault, HTTP_FAULTS, type HttpFault } from "../lib/http-faults.js";
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

export const METADATA_FAULTS: FaultKinds<GoogleMetadataFault> = {
  ...HTTP_FAULTS,
  wrongFlavor: { flavor: true },
  date: { date: true },
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

const REFUSALS: ReadonlySet<number> = new Set([403, 404]);

export const isForPath =
  (path: string) =>
  (fault: GoogleMetadataFault): boolean =>
    path.endsWith("/identity") || fault.kind !== "status" || !REFUSALS.has(fault.status);

/** An answer as the metadata server sends it, with the header that says who it is. */
export const metadataAnswer = (
  status: number,
  body = status === 200 ? "" : (ERROR_BODIES[status] ?? `status ${status}`),
): Answer => ({
  status,
  headers: { "Content-Type": "text/html", "Metadata-Flavor": "Google", Server: "GKE Metadata Server" },
  body,
});

/** Answers as the fault says. */
export async function answerWithFault(
  fault: GoogleMetadataFault | undefined,
  answer: () => Answer,
): Promise<Answer | "hang"> {
  if (!fault) return answer();
  switch (fault.kind) {
    case "wrongFlavor":
      return { ...answer(), headers: fault.flavor === undefined ? {} : { "Metadata-Flavor": fault.flavor } };
    case "date": {
      const right = answer();
      return { ...right, headers: { ...right.headers, Date: fault.date } };
    }
    default:
      return answerWithHttpFault(fault, answer, metadataAnswer);
  }
}
