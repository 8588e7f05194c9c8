import { stopwatch } from "../lib/clock.mjs";
import { byHand, listBucketsWith, ours } from "../lib/clouds.mjs";
import { startSeparateClouds } from "../lib/separate-clouds.mjs";
import { percentile, round } from "../lib/statistics.mjs";

const WORKERS = 4;
const ROUNDS = 8;
const PHASE_MS = 1_500;
const PAUSE_MS = 5;
const HOUR = 3_600_000;
/** Inside the refresh window of both, whatever the jitter. */
const LEFT_MS = 140_000;

/** Latencies of requests by a few workers for a while. */
async function load(request) {
  const latencies = [];
  const end = stopwatch() + PHASE_MS;
  const work = async () => {
    while (stopwatch() < end) {
      const start = stopwatch();
      await request();
      latencies.push(stopwatch() - start);
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  };
  await Promise.all(Array.from({ length: WORKERS }, work));
  return latencies;
}

async function acrossRefresh(makeProvider) {
  const clouds = await startSeparateClouds();
  await clouds.stsTakes(500);
  const request = listBucketsWith(makeProvider());
  await request();
  await load(request);
  const without = [];
  const across = [];
  for (let turn = 0; turn < ROUNDS; turn += 1) {
    without.push(...(await load(request)));
    await clouds.moveOn(HOUR - LEFT_MS);
    across.push(...(await load(request)));
  }
  const exchanges = (await clouds.stsCalls()) - 1;
  clouds.close();
  const summary = (values) => [percentile(values, 0.5), percentile(values, 0.99), Math.max(...values)];
  return { exchanges, requests: across.length, without: summary(without), across: summary(across) };
}

export default async function measure() {
  const mine = await acrossRefresh(ours);
  const hand = await acrossRefresh(() => byHand());
  const row = (name, { exchanges, requests, without, across }) => [
    name,
    ...across.map((ms) => round(ms)),
    ...without.map((ms) => round(ms)),
    round(across[1] / without[1], 2),
    `${round(requests, 0)} / ${exchanges}`,
  ];
  return {
    title: "Latency of ListBuckets in ms while the session is refreshed, STS taking 500 ms",
    columns: [
      "",
      "p50",
      "p99",
      "max",
      "p50 without refresh",
      "p99 without",
      "max without",
      "p99 ratio",
      "requests / exchanges",
    ],
    rows: [row("gke-aws-credentials", mine), row("fromWebToken by hand", hand)],
    note: `On loopback, ${WORKERS} workers, the servers in a process of their own; ${ROUNDS} phases with a refresh and ${ROUNDS} without, in alternating order. The ratio is that of the p99 across a refresh to the p99 without one.`,
  };
}
