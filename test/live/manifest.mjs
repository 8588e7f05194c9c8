import { parse } from "yaml";

/** @typedef {import("./questions.mjs").Pod} Pod */
/**
 * @typedef {object} Live
 * @property {string} run - Stands in the name and in the label of all that is created.
 * @property {string} namespace
 * @property {string} serviceAccount
 * @property {string} email - Of the Google service account that is linked to it.
 * @property {string} roleArn
 * @property {string} region
 * @property {string} image - Any image with Node 20 or newer, sh and tar.
 */
/** @typedef {{ apiVersion: string, kind: string, metadata: { name: string, labels: Record<string, string>, annotations?: Record<string, string> }, [more: string]: unknown }} Resource */

const LABEL = "gke-aws-credentials-live";
const FILES = "/opt/live";

/** @param {string} run */
export const selectorOf = (run) => `${LABEL}=${run}`;
/** @param {string} run @param {"doctor" | Pod} what */
export const jobName = (run, what) => `${LABEL}-${run}-${what}`;

/**
 * The Google service account of each pod's own Kubernetes service account. The pod "linked" runs as the one that is there.
 *
 * @param {string} email
 * @returns {Readonly<Record<Exclude<Pod, "linked">, string | undefined>>}
 */
const googleServiceAccounts = (email) => ({
  unlinked: undefined,
  // It exists, and nothing lets this Kubernetes service account act as it.
  unbound: email,
  missing: email.replace(/^[^@]*/, "live-does-not-exist"),
});

/**
 * What `npm run live` creates: the doctor Job of the examples and a Job for each pod that asks, with the files and the service
 * accounts that they need.
 *
 * @param {Live} live
 * @param {string} doctorJob - examples/kubernetes/doctor-job.yaml
 * @param {{ tarball: Buffer, programs: Readonly<Record<string, string>> }} files
 */
export function liveManifest(live, doctorJob, { tarball, programs }) {
  const { run, namespace, serviceAccount, email, roleArn, region, image } = live;
  const accounts = googleServiceAccounts(email);
  /** @param {string} name */
  const metadata = (name) => ({ name, labels: { [LABEL]: run } });

  /** @param {"doctor" | Pod} what @param {string} account @param {string} command @returns {Resource} */
  const job = (what, account, command) => {
    const { apiVersion, kind, spec } = parse(doctorJob);
    const pod = spec.template.spec;
    const { args: _, ...container } = pod.containers[0];
    Object.assign(container, {
      image,
      command: ["sh", "-c", command],
      env: Object.entries({
        AWS_ROLE_ARN: roleArn,
        AWS_REGION: region,
        NAMESPACE: namespace,
        SERVICE_ACCOUNT: account,
      }).map(([name, value]) => ({ name, value })),
      volumeMounts: [
        { name: "files", mountPath: FILES, readOnly: true },
        { name: "tmp", mountPath: "/tmp" },
      ],
    });
    Object.assign(pod, {
      serviceAccountName: account,
      containers: [container],
      volumes: [
        { name: "files", configMap: { name: jobName(run, "doctor") } },
        { name: "tmp", emptyDir: {} },
      ],
    });
    spec.template.metadata = { labels: { [LABEL]: run } };
    return { apiVersion, kind, metadata: metadata(jobName(run, what)), spec };
  };
  /** @param {Pod} pod */
  const ask = (pod) => `exec node ${FILES}/ask.mjs ${pod}`;

  /** @type {Resource[]} */
  const items = [
    {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: metadata(jobName(run, "doctor")),
      binaryData: { "package.tgz": tarball.toString("base64") },
      data: programs,
    },
    job(
      "doctor",
      serviceAccount,
      `tar -xzf ${FILES}/package.tgz -C /tmp && exec node /tmp/package/dist/cli.cjs doctor`,
    ),
    job("linked", serviceAccount, ask("linked")),
  ];
  for (const [name, account] of Object.entries(accounts)) {
    const pod = /** @type {Exclude<Pod, "linked">} */ (name);
    const annotations = account === undefined ? {} : { "iam.gke.io/gcp-service-account": account };
    const own = jobName(run, pod);
    items.push(
      { apiVersion: "v1", kind: "ServiceAccount", metadata: { ...metadata(own), annotations } },
      job(pod, own, ask(pod)),
    );
  }
  return { apiVersion: "v1", kind: "List", items };
}
