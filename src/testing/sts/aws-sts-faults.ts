import { randomUUID } from "node:crypto";
import type { FaultKinds } from "../lib/faults.js";
import { answerWithHttpFault, HTTP_FAULTS, type HttpFault } from "../lib/http-faults.js";
import type { Answer } from "../lib/loopback-server.js";
import { AwsServiceError } from "./aws-error.js";

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

export const STS_FAULTS: FaultKinds<AwsStsFault> = {
  ...HTTP_FAULTS,
  error: { code: true, message: true, status: true },
  expiredSession: {},
};

const FORBIDDEN: ReadonlySet<string> = new Set(["AccessDenied", "IDPRejectedClaim", "RegionDisabledException"]);

/** An answer as STS sends it. */
export const stsAnswer = (status: number, body: string): Answer => ({
  status,
  headers: { "Content-Type": "text/xml", "x-amzn-RequestId": randomUUID() },
  body,
});

/** As a load balancer answers in place of STS. */
const failing = (status: number, body = `<html><body>${status}</body></html>`): Answer => ({
  status,
  headers: { "Content-Type": "text/html" },
  body,
});

/** Answers as the fault says. */
export async function answerWithFault(
  fault: AwsStsFault | undefined,
  work: (expired: boolean) => Promise<string>,
): Promise<Answer | "hang"> {
  const answer = async (): Promise<Answer> => stsAnswer(200, await work(fault?.kind === "expiredSession"));
  if (!fault) return answer();
  switch (fault.kind) {
    case "expiredSession":
      return answer();
    case "error": {
      const { code, message = code, status = FORBIDDEN.has(code) ? 403 : 400 } = fault;
      throw new AwsServiceError(code, message, status);
    }
    default:
      return answerWithHttpFault(fault, answer, failing);
  }
}
