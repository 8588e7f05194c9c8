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

it("the OpenTelemetry example keeps the metrics of two roles apart", async () => {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
  const stop = recordCredentialMetrics(new MeterProvider({ readers: [reader] }).getMeter("test"));
  const roleAssumerWithWebIdentity = fakeRoleAssumer();
  const role = { role_arn: "arn:aws:iam::123456789012:role/reader" };
  const other = { role_arn: "arn:aws:iam::123456789012:role/writer" };
  const idTokenProvider = fakeIdTokenProvider();
  const roleArn = role.role_arn;
  const provider = fromGkeWorkloadIdentity({ roleArn, idTokenProvider, roleAssumerWithWebIdentity });
  const otherProvider = fromGkeWorkloadIdentity({
    roleArn: other.role_arn,
    idTokenProvider,
    roleAssumerWithWebIdentity: fakeRoleAssumer(),
  });

  const { expiration } = await provider();
  roleAssumerWithWebIdentity.failWith(Object.assign(new Error("Not authorized"), { name: "AccessDenied" }));
  await provider({ forceRefresh: true }).catch(() => {});
  const { expiration: otherExpiration } = await otherProvider();
  stop();
  await provider({ forceRefresh: true }).catch(() => {});
  await reader.forceFlush();

  const metrics = exporter.getMetrics().at(-1)?.scopeMetrics[0]?.metrics ?? [];
  const pointsOf = (name: string) =>
    metrics
      .find(({ descriptor }) => descriptor.name === name)
      ?.dataPoints.map(({ attributes, value }) => ({ attributes, value }));
  expect(pointsOf("aws.credentials.refreshes")).toEqual([
    { attributes: { ...role, outcome: "success", reason: "empty" }, value: 1 },
    { attributes: { ...role, outcome: "failure", reason: "forced", code: "STS_ACCESS_DENIED" }, value: 1 },
    { attributes: { ...other, outcome: "success", reason: "empty" }, value: 1 },
  ]);
  expect(pointsOf("aws.credentials.refresh.duration")).toHaveLength(3);
  expect(pointsOf("aws.credentials.expiration")).toEqual([
    { attributes: role, value: expiration.getTime() / 1000 },
    { attributes: other, value: otherExpiration.getTime() / 1000 },
  ]);
  expect(pointsOf("aws.credentials.failures")).toEqual([
    { attributes: role, value: 1 },
    { attributes: other, value: 0 },
  ]);
  await reader.shutdown();
});
