import { moveOn } from "../lib/clock.mjs";
import { byHand, listBucketsWith, ours, startClouds } from "../lib/clouds.mjs";

const HOUR = 3_600_000;
const OUTAGE_MS = 300_000;
const EVERY_MS = 10_000;

/** A request every ten seconds through an outage of STS in the last five minutes of a session, and a minute after it. */
async function outage(makeProvider) {
  const clouds = await startClouds();
  const request = listBucketsWith(makeProvider());
  await request();
  moveOn(HOUR - OUTAGE_MS - 1_000);
  clouds.sts.injectFault({ kind: "status", status: 503 });
  const count = async (requests) => {
    let failed = 0;
    for (let sent = 0; sent < requests; sent += 1) {
      await request().catch(() => {
        failed += 1;
      });
      // A refresh in the background has real time to fail in.
      await new Promise((resolve) => setTimeout(resolve, 50));
      moveOn(EVERY_MS);
    }
    return failed;
  };
  const sent = OUTAGE_MS / EVERY_MS - 1;
  const during = await count(sent);
  const calls = clouds.sts.requests.length;
  clouds.sts.clearFaults();
  moveOn(EVERY_MS);
  const after = await count(6);
  await clouds.close();
  return { sent, during, calls, after };
}

export default async function measure() {
  const mine = await outage(ours);
  const hand = await outage(() => byHand());
  return {
    title: "An STS outage of five minutes that begins with five minutes of the session left",
    columns: ["", "requests in the outage", "failed", "STS calls in the outage", "failed in the minute after it"],
    rows: [
      ["gke-aws-credentials", mine.sent, mine.during, mine.calls, mine.after],
      ["fromWebToken by hand", hand.sent, hand.during, hand.calls, hand.after],
    ],
  };
}
