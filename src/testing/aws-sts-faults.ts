import { randomUUID } from "node:crypto";
import { AwsServiceError } from "./aws-error.js";
import type { Answer } from "./loopback-server.js";

/** What can go wrong at STS. */
export type AwsStsFault =
  /** One of STS's own errors. Default status: 400, for `AccessDenied` and `RegionDisabledException` 403. */
  | {
      readonly kind: "error";
      readonly code: string;
      readonly message?: string | undefined;
      readonly status?: number | undefined;
    }
  /** An HTTP error without an STS body, as a load balancer answers. */
  | {
      readonly kind: "status";
      readonly status: number;
      readonly body?: string | undefined;
      /** The `Date` header, as of a server whose clock is not this machine's. Default: now. */
      readonly date?: string | undefined;
    }
  /** The connection stays open and no answer comes. */
  | { readonly kind: "hang" }
  /** Status 200 with a body that is not STS's. */
  | { readonly kind: "garbage"; readonly body?: string | undefined }
  /** The right answer, later. */
  | { readonly kind: "latency"; readonly ms: number }
  /** A session that has already ended. */
  | { readonly kind: "expiredSession" };

const FORBIDDEN: ReadonlySet<string> = new Set(["AccessDenied", "IDPRejectedClaim", "RegionDisabledException"]);

/** An answer as STS sends it. */
export const stsAnswer = (status: number, body: string): Answer => ({
  status,
  headers: { "Content-Type": "text/xml", "x-amzn-RequestId": randomUUID() },
  body,
});

/** Answers, or fails to, as the fault says. */
export async function answerWithFault(
  fault: AwsStsFault | undefined,
  work: (expired: boolean) => Promise<string>,
): Promise<Answer | "hang"> {
  switch (fault?.kind) {
    case "hang":
      return "hang";
    case "status":
      return {
        status: fault.status,
        body: fault.body ?? `<html><body>${fault.status}</body></html>`,
        headers: fault.date === undefined ? {} : { Date: fault.date },
      };
    case "garbage":
      return {
        status: 200,
        headers: { "Content-Type": "text/html" },
        body: fault.body ?? "<html>this is not STS</html>",
      };
    case "error": {
      const { code, message = code, status = FORBIDDEN.has(code) ? 403 : 400 } = fault;
      throw new AwsServiceError(code, message, status);
    }
    case "latency":
      await new Promise((resolve) => setTimeout(resolve, fault.ms));
      return stsAnswer(200, await work(false));
    default:
      return stsAnswer(200, await work(fault?.kind === "expiredSession"));
  }
}
