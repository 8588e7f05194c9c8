import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from "@opentelemetry/sdk-metrics";
import { expect, it } from "vitest";
import { recordCredentialMetrics } from "../../examples/opentelemetry/metrics.mjs";
import { fromGkeWorkloadIdentity } from "../../src/index.js";
import { fakeIdTokenProvider, fakeRoleAssumer } from "../../src/testing/index.js";

it("the OpenTelemetry example turns a provider's events into metrics", async () => {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
  const stop = recordCredentialMetrics(new MeterProvider({ readers: [reader] }).getMeter("test"));
  const roleAssumerWithWebIdentity = fakeRoleAssumer();
  const roleArn = "arn:aws:iam::123456789012:role/reader";
  const provider = fromGkeWorkloadIdentity({
    roleArn,
    idTokenProvider: fakeIdTokenProvider(),
    roleAssumerWithWebIdentity,
  });

  const { expiration } = await provider();
  roleAssumerWithWebIdentity.failWith(Object.assign(new Error("Not authorized"), { name: "AccessDenied" }));
  await provider({ forceRefresh: true }).catch(() => {});
  stop();
  await provider({ forceRefresh: true }).catch(() => {});
  await reader.forceFlush();

  const metrics = exporter.getMetrics().at(-1)?.scopeMetrics[0]?.metrics ?? [];
  const pointsOf = (name: string) =>
    metrics
      .find(({ descriptor }) => descriptor.name === name)
      ?.dataPoints.map(({ attributes, value }) => ({ attributes, value }));
  expect(pointsOf("aws.credentials.refreshes")).toEqual([
    { attributes: { outcome: "success", reason: "empty" }, value: 1 },
    { attributes: { outcome: "failure", reason: "forced", code: "STS_ACCESS_DENIED" }, value: 1 },
  ]);
  expect(pointsOf("aws.credentials.refresh.duration")).toHaveLength(2);
  expect(pointsOf("aws.credentials.expiration")).toEqual([{ attributes: {}, value: expiration.getTime() / 1000 }]);
  expect(pointsOf("aws.credentials.failures")).toEqual([{ attributes: {}, value: 1 }]);
  await reader.shutdown();
});
