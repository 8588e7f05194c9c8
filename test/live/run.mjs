// npm run live: what Google's metadata server and AWS's STS answer, beside what the testing servers answer. Needs kubectl, a
// GKE cluster with Workload Identity, and a role as of docs/getting-started.md; it creates what else it needs, and deletes that.
// Exits with 1 where doctor finds a broken step or an answer differs.
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import * as library from "gke-aws-credentials";
import * as testing from "gke-aws-credentials/testing";
import { createKubectl } from "./kubectl.mjs";
import { liveManifest } from "./manifest.mjs";
import { askOurs } from "./ours.mjs";
import { QUESTIONS } from "./questions.mjs";

const USAGE = `usage: npm run live -- --namespace NAMESPACE --service-account NAME --role-arn ARN --region REGION [--image IMAGE]
  kubectl's current context is the cluster. The service account is one that has the role (docs/getting-started.md).
  IMAGE has Node 20 or newer, sh and tar. Default: node:22-slim.`;

const root = new URL("../../", import.meta.url);
/** @param {string} path */
const read = (path) => readFileSync(new URL(path, root), "utf8");

const string = /** @type {const} */ ({ type: "string" });
const options = { namespace: string, "service-account": string, "role-arn": string, region: string, image: string };
const { values } = parseArgs({ options });
const { namespace, "service-account": serviceAccount, "role-arn": roleArn, region, image = "node:22-slim" } = values;
if (!namespace || !serviceAccount || !roleArn || !region) {
  console.error(USAGE);
  process.exit(2);
}

/** Packs the built package. */
function pack() {
  const directory = mkdtempSync(join(tmpdir(), "live-"));
  try {
    const args = ["pack", "--ignore-scripts", "--silent", "--pack-destination", directory];
    return readFileSync(join(directory, execFileSync("npm", args, { cwd: root, encoding: "utf8" }).trim()));
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** Runs the Jobs. Gives what doctor printed, whether it was content, and the answers of both clouds. */
async function askTheirs() {
  const run = randomBytes(4).toString("hex");
  const kubectl = createKubectl(namespace ?? "", run);
  const email = kubectl.googleServiceAccountOf(serviceAccount ?? "");
  if (!email)
    throw new Error(
      `The service account ${serviceAccount} in ${namespace} has no annotation iam.gke.io/gcp-service-account. Name one that has it (docs/getting-started.md).`,
    );
  const live = { run, namespace, serviceAccount, email, roleArn, region, image };
  const programs = Object.fromEntries(["ask.mjs", "questions.mjs"].map((name) => [name, read(`test/live/${name}`)]));
  try {
    kubectl.create(
      liveManifest(/** @type {import("./manifest.mjs").Live} */ (live), read("examples/kubernetes/doctor-job.yaml"), {
        tarball: pack(),
        programs,
      }),
    );
    const isWell = await kubectl.waitForJob("doctor");
    const doctor = kubectl.log("doctor");
    /** @type {Record<string, string>} */
    const answers = {};
    for (const pod of /** @type {import("./questions.mjs").Pod[]} */ (Object.keys(QUESTIONS))) {
      if (!(await kubectl.waitForJob(pod))) throw new Error(`The Job of the pod "${pod}" failed:\n${kubectl.log(pod)}`);
      Object.assign(answers, JSON.parse(kubectl.log(pod)));
    }
    return { isWell, doctor, answers };
  } finally {
    kubectl.deleteAll();
  }
}

const theirs = await askTheirs();
const ours = await askOurs({ ...library, ...testing });
/** @param {string | undefined} text */
const cell = (text = "not asked") => text.replaceAll("|", "\\|");
const questions = Object.keys(ours);
const different = questions.filter((question) => ours[question] !== theirs.answers[question]);
console.log(theirs.doctor);
console.log("| question | ours | theirs | same? |\n| --- | --- | --- | --- |");
for (const question of questions) {
  const same = different.includes(question) ? "no" : "yes";
  console.log(`| ${question} | ${cell(ours[question])} | ${cell(theirs.answers[question])} | ${same} |`);
}
console.log(`\n${questions.length - different.length} of ${questions.length} answers are the same.`);
if (!theirs.isWell) console.log("doctor found a broken step: see above.");
process.exitCode = different.length > 0 || !theirs.isWell ? 1 : 0;
