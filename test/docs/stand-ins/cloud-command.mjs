#!/usr/bin/env node
// Stands in for the command line of a cloud. It writes down each call, and answers the calls whose answer a page uses.
// A Job that is applied runs here: its container's command, with the variables, the token file and the clouds of a pod.
import { spawnSync } from "node:child_process";
import { appendFileSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { parse } from "yaml";

const {
  STATE = "",
  POD_CLOUDS = "{}",
  FAKE_UNIQUE_ID = "",
  FAKE_ROLE_ARN = "",
  ISSUER_URL = "",
  POD_TOKEN = "",
} = process.env;
const call = [basename(process.argv[1] ?? ""), ...process.argv.slice(2)].join(" ");
appendFileSync(join(STATE, "calls"), `${call}\n`);

const answers = [
  [/^gcloud iam service-accounts describe /, () => say(FAKE_UNIQUE_ID)],
  [/^gcloud projects describe /, () => say("123456789012")],
  [/^aws sts get-caller-identity /, () => say("123456789012")],
  [/^aws iam create-role /, () => copyFileSync("trust-policy.json", join(STATE, "trust-policy.json"))],
  [/^(aws iam get-role|terraform output) /, () => say(FAKE_ROLE_ARN)],
  [/^kubectl get --raw /, () => say(JSON.stringify({ issuer: ISSUER_URL }))],
  [/^kubectl apply /, apply],
  [
    /^kubectl logs /,
    () => process.stdout.write(readFileSync(join(STATE, "jobs", call.split("job/")[1] ?? ""), "utf8")),
  ],
];
for (const [pattern, answer] of answers) if (pattern.test(call)) answer();

/** @param {string} text */
function say(text) {
  process.stdout.write(`${text}\n`);
}

function apply() {
  const manifest = readFileSync(0, "utf8");
  appendFileSync(join(STATE, "applied.yaml"), `---\n${manifest}`);
  const { metadata, spec } = parse(manifest);
  const pod = spec.template.spec;
  const [container] = pod.containers;
  const env = Object.fromEntries(container.env.map(({ name, value }) => [name, String(value)]));
  // A projected token is a file of the pod. Here it is the file that the cluster's stand-in keeps.
  const projected = pod.volumes?.[0]?.projected?.sources?.[0]?.serviceAccountToken;
  if (projected) {
    const [mount] = container.volumeMounts;
    if (env.AWS_WEB_IDENTITY_TOKEN_FILE !== `${mount.mountPath}/${projected.path}`) throw new Error("no token there");
    env.AWS_WEB_IDENTITY_TOKEN_FILE = POD_TOKEN;
  }
  const command = container.command ?? ["node", "list-buckets.mjs"];
  const clouds = JSON.parse(POD_CLOUDS);
  if (projected) delete clouds.GCE_METADATA_HOST;
  const { stdout, stderr } = spawnSync(command[0], command.slice(1), {
    encoding: "utf8",
    env: { PATH: process.env.PATH, HOME: process.env.HOME, NODE_NO_WARNINGS: "1", ...clouds, ...env },
  });
  mkdirSync(join(STATE, "jobs"), { recursive: true });
  writeFileSync(join(STATE, "jobs", metadata.name), `${stdout}${stderr}`);
}
