import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { startClouds } from "../lib/clouds.mjs";
import { median, round } from "../lib/statistics.mjs";

const run = promisify(execFile);
const TIMES = 21;
const METADATA_MS = 30;
const STS_MS = 150;
const root = new URL("../../", import.meta.url);

async function firstCredentials(name) {
  const args = ["--no-warnings", "bench/lib/first-credentials.mjs", name];
  return JSON.parse((await run(process.execPath, args, { cwd: root })).stdout);
}

export default async function measure() {
  const clouds = await startClouds();
  clouds.metadata.injectFault({ kind: "latency", ms: METADATA_MS });
  clouds.sts.injectFault({ kind: "latency", ms: STS_MS });
  const samples = { ours: [], byHand: [] };
  for (let turn = 0; turn < TIMES; turn += 1) {
    for (const name of Object.keys(samples)) samples[name].push(await firstCredentials(name));
  }
  await clouds.close();
  const of = (name, key) => median(samples[name].map((sample) => sample[key]));
  const keys = ["ready", "sinceRequest", "sinceStart"];
  const row = (title, name) => [title, ...keys.map((key) => round(of(name, key), 0))];
  return {
    title: `Time to the first credentials in a process with an S3 client, ${METADATA_MS} ms to the metadata server and ${STS_MS} ms to STS`,
    columns: ["ms", "process start to ready", "request to credentials", "process start to credentials"],
    rows: [
      row("gke-aws-credentials", "ours"),
      row("fromWebToken by hand", "byHand"),
      ["ratio", ...keys.map((key) => round(of("byHand", key) / of("ours", key), 2))],
    ],
    note: `Medians of ${TIMES} fresh processes each, in alternating order. By hand, all packages are loaded when the program starts; here, when the first request comes.`,
  };
}
