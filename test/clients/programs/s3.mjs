// @ts-check
// The default chain of the AWS SDK for JavaScript puts, gets and lists one object, or lists a bucket.
// Arguments: ENDPOINT BUCKET [KEY].
import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";

const [endpoint, Bucket, Key] = process.argv.slice(2);
const s3 = new S3Client({
  ...(endpoint && { endpoint }),
  forcePathStyle: true,
  // RGW 16 does not take the SDK's streamed checksums.
  requestChecksumCalculation: "WHEN_REQUIRED",
});
if (Key !== undefined) {
  await s3.send(new PutObjectCommand({ Bucket, Key, Body: Key }));
  const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key }));
  process.stdout.write(`${await Body?.transformToString()}\n`);
}
const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket, Prefix: Key }));
process.stdout.write(Contents.map((item) => `${item.Key}\n`).join(""));
