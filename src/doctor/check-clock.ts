import { type Finding, fail, ok, skip, warn } from "./step.js";

/** `Date` headers count whole seconds, and a session's last minute is never relied on: less than this harms nothing. */
const HARMLESS_SKEW_S = 60;
/** AWS's limit for signatures is 15 minutes, IAM's for tokens 5 (AWS IAM user guide). */
const BROKEN_SKEW_S = 300;

/** This machine's clock against a server's. */
export function checkClock(server: string, aheadMs: number | undefined): Finding {
  if (aheadMs === undefined) return skip(`not checked: no Date header of ${server} to compare with`);
  const seconds = Math.round(aheadMs / 1_000);
  const off = Math.abs(seconds);
  const detail =
    off <= 1 ? `as that of ${server}` : `${off} s ${seconds > 0 ? "ahead of" : "behind"} that of ${server}`;
  if (off <= HARMLESS_SKEW_S) return ok(detail);
  const hint = "Set this machine's clock; on GKE that is the node's: recreate the node.\n   date -u";
  return off <= BROKEN_SKEW_S ? warn(detail, hint) : fail("CLOCK_SKEW", detail, hint);
}

/** This machine's clock against a `Date` header that has just arrived. */
export function clockAhead(date: string | null | undefined): number | undefined {
  const ahead = Date.now() - new Date(date ?? Number.NaN).getTime();
  return Number.isNaN(ahead) ? undefined : ahead;
}
