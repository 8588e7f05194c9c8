import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { startClouds } from "../lib/clouds.mjs";
import { median, round } from "../lib/statistics.mjs";

const run = promisify(execFile);
const TIMES = 21;
const root = new URL("../../", import.meta.url);

const EMPTY_PACKAGE = "bench/lib/empty-package/";
/** What is imported, and where: a package imports itself by its name. */
const IMPORTS = {
  "an empty module, by its path": { specifier: "./index.js", cwd: new URL(EMPTY_PACKAGE, root) },
  "an empty package, by its name": { specifier: "empty-package", cwd: new URL(EMPTY_PACKAGE, root) },
  "gke-aws-credentials": { specifier: "gke-aws-credentials", cwd: root },
  "@aws-sdk/credential-providers": { specifier: "@aws-sdk/credential-providers", cwd: root },
};

/** Import time and resident memory of a module, in a fresh process. */
async function importOf({ specifier, cwd }) {
  const program = `const t=performance.now();await import(${JSON.stringify(specifier)});console.log(JSON.stringify({ms:performance.now()-t,rss:process.memoryUsage().rss/1e6}))`;
  const { stdout } = await run(process.execPath, ["--no-warnings", "--input-type=module", "-e", program], { cwd });
  return JSON.parse(stdout);
}

async function coldStart(mode) {
  const { stdout } = await run(process.execPath, ["--no-warnings", "bench/lib/cold-start.mjs", mode], { cwd: root });
  return JSON.parse(stdout);
}

export default async function measure() {
  const titles = Object.keys(IMPORTS);
  const samples = new Map(titles.map((title) => [title, []]));
  for (let turn = 0; turn < TIMES; turn += 1) {
    for (const title of titles) samples.get(title).push(await importOf(IMPORTS[title]));
  }
  const of = (title, key) => median(samples.get(title).map((sample) => sample[key]));
  const [module, emptyPackage] = titles;
  const rows = titles.map((title) => [
    title,
    round(of(title, "ms")),
    round(of(title, "ms") - of(module, "ms")),
    round(of(title, "ms") - of(emptyPackage, "ms")),
    round(of(title, "rss")),
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
      columns: ["", "import, ms", "more than the module, ms", "more than the package, ms", "resident memory, MB"],
      rows,
      note: `Medians of ${TIMES} fresh processes each, in alternating order. Node itself takes longer to find a package by its name than a file.`,
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
