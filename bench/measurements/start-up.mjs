import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { startClouds } from "../lib/clouds.mjs";
import { median, round } from "../lib/statistics.mjs";

const run = promisify(execFile);
const TIMES = 21;
const root = new URL("../../", import.meta.url);

/** Import time and resident memory of a module, in a fresh process. */
async function importOf(specifier) {
  const program = `const t=performance.now();await import(${JSON.stringify(specifier)});console.log(JSON.stringify({ms:performance.now()-t,rss:process.memoryUsage().rss/1e6}))`;
  const { stdout } = await run(process.execPath, ["--no-warnings", "--input-type=module", "-e", program], {
    cwd: root,
  });
  return JSON.parse(stdout);
}

async function coldStart(mode) {
  const { stdout } = await run(process.execPath, ["--no-warnings", "bench/lib/cold-start.mjs", mode], { cwd: root });
  return JSON.parse(stdout);
}

export default async function measure() {
  const empty = "./bench/lib/empty.mjs";
  const specifiers = [empty, "gke-aws-credentials", "@aws-sdk/credential-providers"];
  const samples = new Map(specifiers.map((specifier) => [specifier, []]));
  for (let turn = 0; turn < TIMES; turn += 1) {
    for (const specifier of specifiers) samples.get(specifier).push(await importOf(specifier));
  }
  const of = (specifier, key) => median(samples.get(specifier).map((sample) => sample[key]));
  const rows = specifiers.map((specifier) => [
    specifier === empty ? "an empty module (a file)" : specifier,
    round(of(specifier, "ms")),
    round(of(specifier, "ms") - of(empty, "ms")),
    round(of(specifier, "rss")),
  ]);

  const clouds = await startClouds();
  const cold = [];
  const preloaded = [];
  for (let turn = 0; turn < TIMES; turn += 1) {
    cold.push(await coldStart("cold"));
    preloaded.push(await coldStart("preloaded"));
  }
  await clouds.close();
  const total = median(cold.map((sample) => sample.total));
  const network = median(preloaded.map((sample) => sample.network));
  const warm = median(preloaded.map((sample) => sample.total));
  const share = (ms) => `${round(ms)} ms (${round((ms / total) * 100, 0)} %)`;
  return [
    {
      title: "Importing the entry point",
      columns: ["", "import, ms", "more than empty, ms", "resident memory, MB"],
      rows,
      note: `Medians of ${TIMES} fresh processes each, in alternating order.`,
    },
    {
      title: "Cold time to the first credentials, on loopback",
      columns: [
        "in all",
        "loading google-auth-library and the STS client",
        "network, both servers included",
        "the rest: the SDK's, google-auth-library's and own code",
      ],
      rows: [[`${round(total)} ms`, share(total - warm), share(network), share(warm - network)]],
      note: "The share of loading is the difference to a process that has loaded both packages before.",
    },
  ];
}
