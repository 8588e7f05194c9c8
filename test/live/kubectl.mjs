import { execFileSync } from "node:child_process";
import { jobName, selectorOf } from "./manifest.mjs";

const CALL_LIMIT_MS = 60_000;
const JOBS_LIMIT_MS = 330_000;
const POLL_MS = 1_000;

/**
 * The few calls of kubectl that the live check makes, each with a time limit, in one namespace.
 *
 * @param {string} namespace
 * @param {string} run
 */
export function createKubectl(namespace, run) {
  /** @param {readonly string[]} args @param {string} [input] */
  const kubectl = (args, input) =>
    execFileSync("kubectl", ["--namespace", namespace, ...args], {
      input,
      encoding: "utf8",
      maxBuffer: 1e8,
      timeout: CALL_LIMIT_MS,
      stdio: ["pipe", "pipe", "inherit"],
    });
  const selector = ["--selector", selectorOf(run)];

  /** @param {"doctor" | import("./questions.mjs").Pod} what @returns {Promise<boolean>} Whether the Job has completed. */
  const waitForJob = async (what) => {
    const end = Date.now() + JOBS_LIMIT_MS;
    for (;;) {
      const { status } = JSON.parse(kubectl(["get", "job", jobName(run, what), "--output", "json"]));
      const ended = (status?.conditions ?? []).find(
        (/** @type {{ type: string, status: string }} */ one) =>
          /^(Complete|Failed)$/.test(one.type) && one.status === "True",
      );
      if (ended) return ended.type === "Complete";
      if (Date.now() > end) {
        const pods = kubectl(["get", "pods", ...selector]);
        throw new Error(
          `The Job ${jobName(run, what)} has not ended within ${JOBS_LIMIT_MS / 1000} s. Its pods:\n${pods}`,
        );
      }
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  };
  return {
    /** @param {string} name @returns {string | undefined} */
    googleServiceAccountOf: (name) =>
      JSON.parse(kubectl(["get", "serviceaccount", name, "--output", "json"])).metadata.annotations?.[
        "iam.gke.io/gcp-service-account"
      ],
    /** @param {object} manifest */
    create: (manifest) => kubectl(["create", "--validate=false", "--filename", "-"], JSON.stringify(manifest)),
    waitForJob,
    /** @param {"doctor" | import("./questions.mjs").Pod} what */
    log: (what) => kubectl(["logs", "--selector", `job-name=${jobName(run, what)}`, "--tail", "-1"]),
    deleteAll: () => kubectl(["delete", "job,configmap,serviceaccount", ...selector, "--wait=false"]),
  };
}
