import type { Answer } from "./loopback-server.js";

/** What can go wrong at any of the testing servers. */
export type HttpFault =
  | {
      /** An HTTP error, without the right body. */
      readonly kind: "status";
      /** The HTTP status. */
      readonly status: number;
      /** The body. Default: what the real server says with that status, as far as it is known. */
      readonly body?: string | undefined;
      /** The `Date` header, as from a server whose clock is wrong. Default: now. */
      readonly date?: string | undefined;
    }
  | {
      /** The connection stays open and no answer comes. */
      readonly kind: "hang";
    }
  | {
      /** Status 200 with a body that makes no sense. */
      readonly kind: "garbage";
      /** The body. Default: a page of HTML. */
      readonly body?: string | undefined;
    }
  | {
      /** The right answer, later. */
      readonly kind: "latency";
      /** How much later, in milliseconds. */
      readonly ms: number;
    };

/** Each kind, with the names of what else it has. */
export const HTTP_FAULTS = { status: ["status", "body", "date"], hang: [], garbage: ["body"], latency: ["ms"] };

/**
 * Answers as the fault says.
 *
 * @param answer - Makes the right answer.
 * @param failing - Makes the answer of a failing server: its headers, and its own text where no body is given.
 */
export async function answerWithHttpFault(
  fault: HttpFault | undefined,
  answer: () => Answer | Promise<Answer>,
  failing: (status: number, body: string | undefined) => Answer,
): Promise<Answer | "hang"> {
  switch (fault?.kind) {
    case "hang":
      return "hang";
    case "status": {
      const failed = failing(fault.status, fault.body);
      return fault.date === undefined ? failed : { ...failed, headers: { ...failed.headers, Date: fault.date } };
    }
    case "garbage":
      return failing(200, fault.body ?? "<html>this is not the answer</html>");
    case "latency":
      await new Promise((resolve) => setTimeout(resolve, fault.ms));
  }
  return answer();
}
