// Stands in for `kubectl apply` of a Job: the command of its container runs here, with the variables, the token file and
// the clouds of a pod. What it prints is the log of the Job.
import { spawnSync } from "node:child_process";
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";

const { STATE = "", POD_CLOUDS = "{}", POD_TOKEN = "", PATH, HOME } = process.env;
const manifest = readFileSync(0, "utf8");
appendFileSync(join(STATE, "applied.yaml"), `---\n${manifest}`);
const { metadata, spec } = parse(manifest);
const pod = spec.template.spec;
const [container] = pod.containers;
/** @type {Record<string, string>} */
const env = Object.fromEntries(
  container.env.map((/** @type {{ name: string, value: unknown }} */ { name, value }) => [name, String(value)]),
);
const clouds = JSON.parse(POD_CLOUDS);
// The projected token is a file of the pod. Here it is the file that the stand-in of the cluster keeps.
const projected = pod.volumes?.[0]?.projected?.sources?.[0]?.serviceAccountToken;
if (projected) {
  const [mount] = container.volumeMounts;
  if (env.AWS_WEB_IDENTITY_TOKEN_FILE !== `${mount.mountPath}/${projected.path}`) throw new Error("no token is there");
  env.AWS_WEB_IDENTITY_TOKEN_FILE = POD_TOKEN;
  delete clouds.GCE_METADATA_HOST;
}
const [command = "", ...args] = container.command ?? ["node", "list-buckets.mjs"];
const { stdout, stderr } = spawnSync(command, args, {
  encoding: "utf8",
  env: { PATH, HOME, NODE_NO_WARNINGS: "1", ...clouds, ...env },
});
mkdirSync(join(STATE, "jobs"), { recursive: true });
writeFileSync(join(STATE, "jobs", metadata.name), `${stdout}${stderr}`);
