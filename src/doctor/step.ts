import { GkeWorkloadIdentityError, type GkeWorkloadIdentityErrorCode } from "../index.js";
import { redactText, safeText } from "../lib/text.js";

/** The links of the chain, in the order in which they are looked at. */
export const STEPS = [
  "configuration",
  "metadata server",
  "service account",
  "ID token",
  "clock",
  "STS endpoint",
  "exchange",
  "caller identity",
  "audience pinned",
] as const;

export type StepName = (typeof STEPS)[number];

/** A failure's code: the library's own, or one that only `doctor` can find. */
type StepCode = GkeWorkloadIdentityErrorCode | "CLOCK_SKEW" | "WRONG_IDENTITY";

/** How one step went. */
export interface StepReport {
  readonly name: StepName;
  readonly status: "ok" | "warning" | "failed" | "skipped";
  readonly durationMs: number;
  /** What was found, in a line. */
  readonly detail: string;
  readonly code?: StepCode;
  /** What to do about it. */
  readonly hint?: string;
}

/** A step after which the walk goes on, with the facts that later steps need. `skipped`: there was nothing to check. */
export interface Success<Facts = undefined> {
  readonly status: "ok" | "warning" | "skipped";
  readonly detail: string;
  readonly hint?: string;
  readonly facts: Facts;
}

/** The end of the walk: the step found the broken link. */
type Failure = Required<Pick<StepReport, "detail" | "code" | "hint">> & { readonly status: "failed" };

export type Finding<Facts = undefined> = Success<Facts> | Failure;
export type Check<Facts> = () => Promise<Finding<Facts>> | Finding<Facts>;

export const ok = (detail: string): Success => ({ status: "ok", detail, facts: undefined });
export const skip = (detail: string): Success => ({ status: "skipped", detail, facts: undefined });
export const warn = (detail: string, hint: string): Success => ({ status: "warning", detail, hint, facts: undefined });
export const fail = (code: StepCode, detail: string, hint: string): Failure => ({
  status: "failed",
  code,
  detail,
  hint,
});

const MAX_DETAIL = 500;

/** Runs one check and measures it. An error of the library is the step's failure; any other error is a bug. */
export async function runStep<Facts>(
  name: StepName,
  check: Check<Facts>,
): Promise<{ readonly finding: Finding<Facts>; readonly report: StepReport }> {
  const start = performance.now();
  const finding = await Promise.resolve().then(check).catch(toFailure);
  const durationMs = Math.round(performance.now() - start);
  const { status } = finding;
  const detail = safeText(redactText(finding.detail), MAX_DETAIL);
  // Its line breaks stay.
  const lines = redactText(finding.hint ?? "").split("\n");
  const hint = lines.map((line) => safeText(line)).join("\n");
  const code = finding.status === "failed" ? finding.code : undefined;
  return { finding, report: { name, status, durationMs, detail, ...(code && { code }), ...(hint && { hint }) } };
}

function toFailure(error: unknown): Failure {
  if (!(error instanceof GkeWorkloadIdentityError)) throw error;
  // The code is shown beside the message.
  return fail(error.code, error.message.replace(` [${error.code}]`, ""), error.hint);
}
