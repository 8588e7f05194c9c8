import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { createTrustPolicy } from "gke-aws-credentials";
import { startAwsSts, startGoogleMetadataServer } from "gke-aws-credentials/testing";
import { region } from "../lib/clouds.mjs";
import { readJanusScript } from "../lib/janus-script.mjs";
import { median, round } from "../lib/statistics.mjs";

const run = promisify(execFile);
const TIMES = 15;
const roleArn = "arn:aws:iam::123456789012:role/reader";

/** Runs a command under Python's own count of what a child used, and gives its output, wall time and peak memory. */
const MEASURE = `
import json, resource, subprocess, sys, time
start = time.monotonic()
done = subprocess.run(sys.argv[1:], stdout=subprocess.PIPE, check=True)
ms = (time.monotonic() - start) * 1000
print(json.dumps({"ms": ms, "mb": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024, "stdout": done.stdout.decode()}))
`;

export default async function measure() {
  const metadata = await startGoogleMetadataServer();
  const serviceAccountUniqueId = "111035977024964273138";
  const roles = [{ arn: roleArn, trustPolicy: createTrustPolicy({ serviceAccountUniqueId, audience: "gcp" }) }];
  const sts = await startAwsSts({ jwksUri: metadata.jwksUri, roles });
  const directory = await mkdtemp(join(tmpdir(), "janus-"));
  const script = join(directory, "janus.py");
  await writeFile(
    script,
    await readJanusScript(process.env.JANUS_ARTICLE, { metadataHost: metadata.host, stsUrl: sts.url, region }),
  );
  const cli = new URL("../../dist/cli.cjs", import.meta.url).pathname;
  const commands = {
    "janus.py": ["/usr/bin/python3", script, roleArn],
    "gke-aws-credentials credential-process": [
      process.execPath,
      cli,
      "credential-process",
      roleArn,
      "--audience",
      "gcp",
    ],
    "the interpreter of janus.py, doing nothing": ["/usr/bin/python3", "-c", "pass"],
    "node, doing nothing": [process.execPath, "-e", "0"],
  };
  const env = { ...process.env, GCE_METADATA_HOST: metadata.host, AWS_ENDPOINT_URL_STS: sts.url, AWS_REGION: region };
  const samples = Object.fromEntries(Object.keys(commands).map((name) => [name, []]));
  for (let turn = 0; turn < TIMES; turn += 1) {
    for (const [name, command] of Object.entries(commands)) {
      const { stdout } = await run("/usr/bin/python3", ["-c", MEASURE, ...command], { env });
      samples[name].push(JSON.parse(stdout));
    }
  }
  const keysOf = (name) => Object.keys(JSON.parse(samples[name][0].stdout)).filter((key) => key !== "AccountId");
  const [theirs, ours] = Object.keys(commands);
  if (keysOf(theirs).join() !== keysOf(ours).join()) throw new Error("the two print different keys");
  await Promise.all([metadata.close(), sts.close(), rm(directory, { recursive: true })]);

  const of = (name, key) => median(samples[name].map((sample) => sample[key]));
  const rows = Object.keys(commands).map((name) => [name, round(of(name, "ms"), 0), round(of(name, "mb"))]);
  rows.push([
    "ratio of the first two",
    round(of(theirs, "ms") / of(ours, "ms"), 2),
    round(of(theirs, "mb") / of(ours, "mb"), 2),
  ]);
  return {
    title: "One credential_process call, side by side with janus.py",
    columns: ["", "wall time, ms", "peak memory, MB"],
    rows,
    note: `Medians of ${TIMES} runs each, in alternating order, against the same two servers. Both print the same keys, ours AccountId too.`,
  };
}
