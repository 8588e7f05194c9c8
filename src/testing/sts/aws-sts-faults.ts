import { answerWithHttpFault, type HttpFault } from "../lib/http-faults.js";
import type { Answer } from "../lib/loopback-server.js";
import { AwsServiceError } from "./aws-answers.js";

/** What can go wrong at STS. */
export type AwsStsFault =
  | HttpFault
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
      /** A session that has already ended. */
      readonly kind: "expiredSession";
    };

const FORBIDDEN: ReadonlySet<string> = new Set(["AccessDenied", "IDPRejectedClaim", "RegionDisabledException"]);

/** As a load balancer answers in place of STS. */
const failing = (status: number, body = `<html><body>${status}</body></html>`): Answer => ({
  status,
  headers: { "Content-Type": "text/html" },
  body,
});

/** Answers as the fault says. `work` makes the right answer, with a session that has already ended where that is asked. */
export async function answerWithFault(
  fault: AwsStsFault | undefined,
  work: (expired: boolean) => Promise<Answer>,
): Promise<Answer | "hang"> {
  if (fault?.kind === "expiredSession") return work(true);
  if (fault?.kind === "error") {
    const { code, message = code, status = FORBIDDEN.has(code) ? 403 : 400 } = fault;
    throw new AwsServiceError(code, message, status);
  }
  return answerWithHttpFault(fault, () => work(false), failing);
}
