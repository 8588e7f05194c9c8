import { askAll } from "./questions.mjs";

const roleArn = "arn:aws:iam::123456789012:role/reader";
const UNIQUE_ID = "111035977024964273138";

/**
 * Starts the testing servers as the clouds of the four pods.
 *
 * @param {Pick<typeof import("gke-aws-credentials"), "createTrustPolicy"> & Pick<typeof import("gke-aws-credentials/testing"), "startAwsSts" | "startGoogleMetadataServer">} library
 */
export async function startOurs({ createTrustPolicy, startAwsSts, startGoogleMetadataServer }) {
  const servers = {
    linked: await startGoogleMetadataServer(),
    unlinked: await startGoogleMetadataServer({ serviceAccount: null }),
    unbound: await startGoogleMetadataServer(),
    missing: await startGoogleMetadataServer(),
  };
  servers.unbound.injectFault({ kind: "status", status: 403 });
  servers.missing.injectFault({ kind: "status", status: 404 });
  const trustPolicy = createTrustPolicy({ serviceAccountUniqueId: UNIQUE_ID });
  const sts = await startAwsSts({ jwksUri: servers.linked.jwksUri, roles: [{ arn: roleArn, trustPolicy }] });
  return {
    servers,
    sts,
    roleArn,
    close: () => Promise.all([sts, ...Object.values(servers)].map((server) => server.close())),
  };
}

/**
 * The answers of the testing servers to all questions.
 *
 * @param {Parameters<typeof startOurs>[0]} library
 */
export async function askOurs(library) {
  const { servers, sts, close } = await startOurs(library);
  /** @type {Record<string, string>} */
  const answers = {};
  try {
    for (const [pod, { host }] of Object.entries(servers)) {
      const names = { namespace: "default", serviceAccount: "default" };
      const place = { metadataHost: host, stsUrl: sts.url, roleArn, ...names };
      Object.assign(answers, await askAll(/** @type {keyof typeof servers} */ (pod), place));
    }
  } finally {
    await close();
  }
  return answers;
}
