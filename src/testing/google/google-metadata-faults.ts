import type { Answer } from "../lib/loopback-server.js";

/** What can go wrong at the metadata server. */
export type GoogleMetadataFault =
  | {
      /** An HTTP error. 403 and 404 refuse an ID token, so only `identity` answers them, as on GKE; others are for every path. */
      readonly kind: "status";
      /** The HTTP status. */
      readonly status: number;
      /** The body. Default: what GKE or Compute Engine says with that status. */
      readonly body?: string | undefined;
    }
  | {
      /** The connection stays open and no answer comes. */
      readonly kind: "hang";
    }
  | {
      /** Status 200 with a body that is not a JWT. */
      readonly kind: "garbage";
      /** The body. Default: a page of HTML. */
      readonly body?: string | undefined;
    }
  | {
      /** Something else answers: no, or another, `Metadata-Flavor`. */
      readonly kind: "wrongFlavor";
      /** The header's value. Default: no header. */
      readonly flavor?: string | undefined;
    }
  | {
      /** The right answer with another `Date`, as from a server whose clock is not this machine's. */
      readonly kind: "date";
      /** The header's value, an HTTP date. */
      readonly date: string;
    }
  | {
      /** The right answer, later. */
      readonly kind: "latency";
      /** How much later, in milliseconds. */
      readonly ms: number;
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
export const metadataAnswer = (status: number, body: string): Answer => ({
  status,
  headers: { "Content-Type": "text/html", "Metadata-Flavor": "Google", Server: "GKE Metadata Server" },
  body,
});

/** Answers, or fails to, as the fault says. */
export async function answerWithFault(
  fault: GoogleMetadataFault | undefined,
  answer: () => Answer,
): Promise<Answer | "hang"> {
  switch (fault?.kind) {
    case undefined:
      return answer();
    case "hang":
      return "hang";
    case "status":
      return metadataAnswer(fault.status, fault.body ?? ERROR_BODIES[fault.status] ?? `status ${fault.status}`);
    case "garbage":
      return metadataAnswer(200, fault.body ?? "<html>this is not a token</html>");
    case "wrongFlavor":
      return { ...answer(), headers: fault.flavor === undefined ? {} : { "Metadata-Flavor": fault.flavor } };
    case "date": {
      const right = answer();
      return { ...right, headers: { ...right.headers, Date: fault.date } };
    }
    case "latency":
      await new Promise((resolve) => setTimeout(resolve, fault.ms));
      return answer();
  }
}
