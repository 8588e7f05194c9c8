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
export type StepCode = GkeWorkloadIdentityErrorCode | "CLOCK_SKEW" | "WRONG_IDENTITY";

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

/** The end of the walk: the step found the broken link. */
export interface Failure {
  readonly status: "failed";
  readonly detail: string;
  readonly code: StepCode;
  readonly hint: string;
}

/** A step after which the walk goes on, with the facts that later steps need. `skipped`: there was nothing to check. */
export interface Success<Facts> {
  readonly status: "ok" | "warning" | "skipped";
  readonly detail: string;
  readonly hint?: string;
  readonly facts: Facts;
}

export type Finding<Facts = undefined> = Success<Facts> | Failure;

export function ok(detail: string): Success<undefined>;
export function ok<Facts>(detail: string, facts: Facts): Success<Facts>;
export function ok(detail: string, facts?: unknown): Success<unknown> {
  return { status: "ok", detail, facts };
}

export function skip(detail: string): Success<undefined>;
export function skip<Facts>(detail: string, facts: Facts): Success<Facts>;
export function skip(detail: string, facts?: unknown): Success<unknown> {
  return { status: "skipped", detail, facts };
}

export function warn(detail: string, hint: string): Success<undefined>;
export function warn<Facts>(detail: string, hint: string, facts: Facts): Success<Facts>;
export function warn(detail: string, hint: string, facts?: unknown): Success<unknown> {
  return { status: "warning", detail, hint, facts };
}

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
  check: () => Promise<Finding<Facts>> | Finding<Facts>,
): Promise<{ readonly finding: Finding<Facts>; readonly report: StepReport }> {
  const start = performance.now();
  const finding = await findingOf(check);
  const durationMs = Math.round(performance.now() - start);
  const { status } = finding;
  const detail = safeText(redactText(finding.detail), MAX_DETAIL);
  const hint = finding.hint && safeLines(redactText(finding.hint));
  const code = finding.status === "failed" ? finding.code : undefined;
  const report = { name, status, durationMs, detail, ...(code && { code }), ...(hint && { hint }) };
  return { finding, report };
}

async function findingOf<Facts>(check: () => Promise<Finding<Facts>> | Finding<Facts>): Promise<Finding<Facts>> {
  try {
    return await check();
  } catch (error) {
    if (!(error instanceof GkeWorkloadIdentityError)) throw error;
    return fail(error.code, sentenceOf(error), error.hint);
  }
}

/** Escapes for the terminal; line breaks stay. */
const safeLines = (text: string): string =>
  text
    .split("\n")
    .map((line) => safeText(line))
    .join("\n");

/** The message without its code, which is shown beside it. */
const sentenceOf = ({ message, code }: GkeWorkloadIdentityError): string => message.replace(` [${code}]`, "");
