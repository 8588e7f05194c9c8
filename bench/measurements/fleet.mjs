import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { build } from "esbuild";
import { round } from "../lib/statistics.mjs";

const PODS = 10_000;
const DAY = 24 * 3_600;
const START_WITHIN = 60;
const LIFE = 3_600;
const AHEAD = 900;
/** A pod asks this often where a refresh may be due. */
const EVERY = 10;
const OUTAGE_FROM = 12 * 3_600;
const OUTAGE_FOR = 3_600;

/** The cache itself, which the package does not export, from its source. */
async function loadCache() {
  const directory = await mkdtemp(join(import.meta.dirname, ".cache-"));
  const outfile = join(directory, "credential-cache.mjs");
  await build({
    entryPoints: [join(import.meta.dirname, "../../src/cache/credential-cache.ts")],
    outfile,
    bundle: true,
    format: "esm",
    platform: "node",
    logLevel: "error",
  });
  const { createCredentialCache } = await import(outfile);
  await rm(directory, { recursive: true });
  return createCredentialCache;
}

/** A day of ten thousand pods on a clock of seconds; gives the STS calls of each second, and the requests that failed. */
async function simulate(createCredentialCache, { jitter, outage }) {
  let second = 0;
  const real = { now: Date.now, performance: performance.now, random: Math.random };
  Date.now = () => second * 1_000;
  performance.now = () => second * 1_000;
  if (!jitter) Math.random = () => 0;
  let seed = 42;
  const random = () => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    return seed / 2 ** 32;
  };
  if (jitter) Math.random = random;

  const calls = new Uint32Array(DAY);
  let failed = 0;
  const isDown = () => outage && second >= OUTAGE_FROM && second < OUTAGE_FROM + OUTAGE_FOR;
  const onFailure = () => {
    failed += 1;
  };
  const pods = Array.from({ length: PODS }, () => {
    const pod = { nextAsk: Math.floor(random() * START_WITHIN), end: 0, ask: undefined };
    const cache = createCredentialCache({
      timeoutMs: 30_000,
      longestLifeSeconds: LIFE,
      expiredError: () => new Error("expired"),
      isRetryable: () => true,
      acquire: async () => {
        calls[second] += 1;
        if (isDown()) throw new Error("STS is down");
        pod.end = second + LIFE;
        return { expiration: new Date(pod.end * 1_000) };
      },
    });
    pod.ask = () => cache(undefined).catch(onFailure);
    return pod;
  });
  // Each second, the pods that ask in it.
  const agenda = Array.from({ length: DAY + LIFE + AHEAD }, () => []);
  for (const pod of pods) agenda[pod.nextAsk].push(pod);
  for (; second < DAY; second += 1) {
    const asking = agenda[second];
    for (const pod of asking) pod.ask();
    if (asking.length > 0) await new Promise((resolve) => setImmediate(resolve));
    for (const pod of asking) agenda[Math.max(second + EVERY, pod.end - AHEAD)]?.push(pod);
    agenda[second] = undefined;
  }
  Object.assign(Date, { now: real.now });
  performance.now = real.performance;
  Math.random = real.random;
  return { calls, failed };
}

/** The most calls in any window of `seconds`, per second, between two times. */
function peak(calls, seconds, from, to = calls.length) {
  let most = 0;
  let sum = 0;
  for (let second = from; second < to; second += 1) {
    sum += calls[second] - (second - seconds >= from ? calls[second - seconds] : 0);
    most = Math.max(most, sum);
  }
  return most / seconds;
}

export default async function measure() {
  const createCredentialCache = await loadCache();
  const afterStart = 2 * START_WITHIN;
  const rows = [];
  const peaks = {};
  for (const jitter of [false, true]) {
    const { calls } = await simulate(createCredentialCache, { jitter, outage: false });
    const day = [1, 10, 60].map((seconds) => peak(calls, seconds, afterStart));
    peaks[jitter] = day;
    const struck = await simulate(createCredentialCache, { jitter, outage: true });
    const end = OUTAGE_FROM + OUTAGE_FOR;
    const recovery = [peak(struck.calls, 10, end, end + 600), peak(struck.calls, 10, end + 600, end + 2 * 3_600)];
    rows.push([jitter ? "with jitter" : "without", ...[...day, ...recovery].map((value) => round(value))]);
    peaks[jitter].push(...recovery);
  }
  rows.push(["ratio", ...peaks.false.map((value, index) => round(value / peaks.true[index]))]);
  return {
    title: `${PODS.toLocaleString("en")} pods that start within a minute, 24 hours: peak STS calls per second after the start`,
    columns: [
      "",
      "in any 1 s",
      "averaged over 10 s",
      "averaged over 60 s",
      "in the ten minutes after an outage of one hour, over 10 s",
      "in the two hours after that, over 10 s",
    ],
    rows,
    note: "The real cache on a virtual clock, sessions of an hour. Each pod is asked every 10 s while a refresh may be due. The outage outlives every session, so the first ten minutes after it show what users ask: 10,000 pods with nothing left to serve, each at its next request. Jitter acts from then on: their refreshes do not meet again. A single second is a chance maximum of thousands of seconds, hence the averages beside it.",
  };
}
