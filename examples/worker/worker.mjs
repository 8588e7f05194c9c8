// @ts-check
// A worker that runs for days with sessions of one hour. The code does not deal with sessions: the provider gives each
// request a live one. SIGTERM ends the worker after the current job.
import { setTimeout as pause } from "node:timers/promises";
import { ListBucketsCommand, S3Client } from "@aws-sdk/client-s3";
import { fromGkeWorkloadIdentity } from "gke-aws-credentials";

const PAUSE_MS = Number(process.env.PAUSE_MS ?? 60_000);

const s3 = new S3Client({
  credentials: fromGkeWorkloadIdentity({
    onEvent: (event) => {
      if (event.type === "refreshSucceeded") console.log(`session until ${event.expiration.toISOString()}`);
      if (event.type === "refreshFailed")
        console.log(`${event.code}; the next try is due at ${event.nextRefreshAt.toISOString()}`);
    },
  }),
});

let stopped = false;
process.once("SIGTERM", () => {
  stopped = true;
});

let jobs = 0;
let failed = 0;
while (!stopped) {
  try {
    await s3.send(new ListBucketsCommand({}));
    jobs += 1;
  } catch (error) {
    failed += 1;
    console.error(error);
  }
  await pause(PAUSE_MS);
}
console.log(`${jobs} jobs done, ${failed} failed`);
