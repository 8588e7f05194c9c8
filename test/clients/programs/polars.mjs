// @ts-nocheck: the types of nodejs-polars are not here. run.sh installs it in a folder of its own.
// Polars reads a parquet file from S3 by Rust's object_store, which knows the token's file alone. Arguments: ENDPOINT BUCKET KEY.
import { PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import polars from "nodejs-polars";

const [endpoint, Bucket, Key] = process.argv.slice(2);
const s3 = new S3Client({ endpoint, forcePathStyle: true, requestChecksumCalculation: "WHEN_REQUIRED" });
const Body = polars.DataFrame({ order: [1, 2, 3] }).writeParquet();
await s3.send(new PutObjectCommand({ Bucket, Key, Body }));
const cloudOptions = { aws_endpoint_url: endpoint, aws_allow_http: "true" };
const frame = await polars.scanParquet(`s3://${Bucket}/${Key}`, { cloudOptions }).collect();
process.stdout.write(`${frame.getColumn("order").toArray().join(" ")}\n`);
