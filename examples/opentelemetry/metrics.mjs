// @ts-check
import { subscribe, unsubscribe } from "node:diagnostics_channel";

const CHANNEL = "gke-aws-credentials";

/**
 * Turns the events of every provider in this process into OpenTelemetry metrics.
 *
 * @param {import("@opentelemetry/api").Meter} meter
 * @returns {() => void} Stops it.
 */
export function recordCredentialMetrics(meter) {
  const refreshes = meter.createCounter("aws.credentials.refreshes", { description: "Refreshes of the AWS session" });
  const duration = meter.createHistogram("aws.credentials.refresh.duration", { unit: "ms" });
  const failovers = meter.createCounter("aws.credentials.sts_region_failovers");
  const stale = meter.createCounter("aws.credentials.stale_served", {
    description: "Failed refreshes after which requests were still served",
  });
  const expiration = meter.createGauge("aws.credentials.expiration", {
    unit: "s",
    description: "Unix time of the end of the session that requests get; 0: there is none",
  });
  const failures = meter.createGauge("aws.credentials.failures", { description: "Failed refreshes in a row" });

  /** @param {unknown} message */
  const onEvent = (message) => {
    const event = /** @type {import("gke-aws-credentials").GkeWorkloadIdentityEvent} */ (message);
    // One provider per role: of several providers for one role, the gauges show the last one that refreshed.
    const role = { role_arn: event.roleArn };
    switch (event.type) {
      case "refreshSucceeded":
        refreshes.add(1, { ...role, outcome: "success", reason: event.reason });
        duration.record(event.durationMs, { ...role, outcome: "success" });
        expiration.record(event.expiration.getTime() / 1000, role);
        failures.record(0, role);
        break;
      case "refreshFailed":
        refreshes.add(1, { ...role, outcome: "failure", reason: event.reason, code: event.code });
        duration.record(event.durationMs, { ...role, outcome: "failure" });
        expiration.record((event.servedUntil?.getTime() ?? 0) / 1000, role);
        failures.record(event.failures, role);
        break;
      case "staleServed":
        stale.add(1, role);
        break;
      case "stsRegionFailover":
        failovers.add(1, { ...role, from: event.from, to: event.to, code: event.code });
        break;
    }
  };
  subscribe(CHANNEL, onEvent);
  return () => unsubscribe(CHANNEL, onEvent);
}
