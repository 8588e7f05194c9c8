import { randomUUID } from "node:crypto";
import type { Answer } from "../lib/loopback-server.js";
import { AwsServiceError } from "./aws-error.js";

/** What can go wrong at STS. */
export type AwsStsFault =
  | {
      /** One of STS's own errors. */
      readonly kind: "error";
      /** STS's code, for example `AccessDenied`. */
      readonly code: string;
      /** STS's text. Default: the code. */
      readonly message?: string | undefined;
      /** The HTTP status. Default: 400; 403 for `AccessDenied`, `IDPRejectedClaim` and `RegionDisabledException`. */
      readonly status?: number | undefined;
    }
  | {
      /** An HTTP error without an STS body, as a load balancer answers. */
      readonly kind: "status";
      /** The HTTP status. */
      readonly status: number;
      /** The body. Default: a page of HTML with the status. */
      readonly body?: string | undefined;
      /** The `Date` header, as of a server whose clock is not this machine's. Default: now. */
      readonly date?: string | undefined;
    }
  | {
      /** The connection stays open and no answer comes. */
      readonly kind: "hang";
    }
  | {
      /** Status 200 with a body that is not STS's. */
      readonly kind: "garbage";
      /** The body. Default: a page of HTML. */
      readonly body?: string | undefined;
    }
  | {
      /** The right answer, later. */
      readonly kind: "latency";
      /** How much later, in milliseconds. */
      readonly ms: number;
    }
  | {
      /** A session that has already ended. */
      readonly kind: "expiredSession";
    };

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
