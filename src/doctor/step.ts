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

/** How one step went. */
export interface StepReport {
  readonly name: StepName;
  readonly status: "ok" | "warning" | "failed" | "skipped";
  readonly durationMs: number;
  /** What was found, in a line. */
  readonly detail: string;
  readonly code?: string;
  /** What to do about it. */
  readonly hint?: string;
}

/** What a step found, without its name and the time it took. */
export type Verdict = Omit<StepReport, "name" | "durationMs">;

export const isHealthy = (detail: string): Verdict => ({ status: "ok", detail });

export const warn = (detail: string, hint: string): Verdict => ({ status: "warning", detail, hint });

/** `Date` headers count whole seconds, and a session's last minute is never relied on: less than this harms nothing. */
const HARMLESS_SKEW_S = 60;
/** AWS's limit for signatures is 15 minutes, IAM's for tokens 5 (AWS IAM user guide). */
const BROKEN_SKEW_S = 300;

/** This machine's clock against a server's. */
export function judgeClock(server: string, aheadMs: number | undefined): Verdict {
  if (aheadMs === undefined) return isHealthy(`${server} sent no Date header to compare with`);
  const seconds = Math.round(aheadMs / 1_000);
  const detail =
    Math.abs(seconds) <= 1
      ? `as that of ${server}`
      : `${Math.abs(seconds)} s ${seconds > 0 ? "ahead of" : "behind"} that of ${server}`;
  if (Math.abs(seconds) <= HARMLESS_SKEW_S) return isHealthy(detail);
  const hint = "Set this machine's clock; on GKE that is the node's: recreate the node.\n  date -u";
  if (Math.abs(seconds) <= BROKEN_SKEW_S) return warn(detail, hint);
  return { status: "failed", detail, code: "CLOCK_SKEW", hint };
}
