// @ts-check
// Prints the metrics of one request. A service uses the meter provider of its own telemetry.
import { ListBucketsCommand, S3Client } from "@aws-sdk/client-s3";
import { ConsoleMetricExporter, MeterProvider, PeriodicExportingMetricReader } from "@opentelemetry/sdk-metrics";
import { fromGkeWorkloadIdentity } from "gke-aws-credentials";
import { recordCredentialMetrics } from "./metrics.mjs";

const reader = new PeriodicExportingMetricReader({ exporter: new ConsoleMetricExporter() });
const meterProvider = new MeterProvider({ readers: [reader] });
const stop = recordCredentialMetrics(meterProvider.getMeter("gke-aws-credentials"));

const s3 = new S3Client({ credentials: fromGkeWorkloadIdentity() });
await s3.send(new ListBucketsCommand({}));

stop();
await meterProvider.shutdown();
