import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { IContainer, IPod } from "kubernetes-models/v1";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { createTrustPolicy } from "../../src/index.js";
import {
  type AwsSts,
  type ClusterIssuer,
  type GoogleMetadataServer,
  startAwsSts,
  startClusterIssuer,
  startGoogleMetadataServer,
} from "../../src/testing/index.js";
import { admitPod, readAdmission } from "../support/mutating-admission.js";
import { runNode, startProgram } from "../support/run-node.js";

const ACCOUNT_ID = "123456789012";
const ROLE_ARN = `arn:aws:iam::${ACCOUNT_ID}:role/orders`;
const POD = { namespace: "shop", serviceAccountName: "orders" };

/** The application. It is the same in every place. */
const APPLICATION = `
  import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
  import { fromGkeWorkloadIdentity } from "gke-aws-credentials";

  const sts = new STSClient({ credentials: fromGkeWorkloadIdentity() });
  console.log((await sts.send(new GetCallerIdentityCommand({}))).Arn);
`;
/** A program that does not know this package: the SDK's default chain. */
const FOREIGN = APPLICATION.replace(/^.*gke-aws-credentials.*$/m, "").replace(
  "credentials: fromGkeWorkloadIdentity()",
  "",
);

type Environment = Readonly<Record<string, string | undefined>>;

let google: GoogleMetadataServer;
let cluster: ClusterIssuer;
let sts: AwsSts;
let directory: string;

beforeAll(async () => {
  [google, cluster] = await Promise.all([startGoogleMetadataServer(), startClusterIssuer()]);
  const serviceAccountUniqueId = "111035977024964273138";
  const ofCluster = createTrustPolicy({ issuer: cluster.issuer, awsAccountId: ACCOUNT_ID, ...POD });
  const trustPolicy = {
    Version: "2012-10-17" as const,
    Statement: [...createTrustPolicy({ serviceAccountUniqueId }).Statement, ...ofCluster.Statement],
  };
  sts = await startAwsSts({
    jwksUri: google.jwksUri,
    oidcProviders: [cluster.oidcProvider(ACCOUNT_ID)],
    roles: [{ arn: ROLE_ARN, trustPolicy }],
  });
  directory = await mkdtemp(join(tmpdir(), "same-image-"));
});
afterAll(async () => {
  await Promise.all([google.close(), cluster.close(), sts.close(), rm(directory, { recursive: true })]);
});

/** What every pod of the tests has. No AWS configuration of this machine counts. */
const everywhere = (): Environment => ({
  AWS_REGION: "eu-west-1",
  AWS_ENDPOINT_URL_STS: sts.url,
  AWS_CONFIG_FILE: "/nowhere",
  AWS_SHARED_CREDENTIALS_FILE: "/nowhere",
  AWS_EC2_METADATA_DISABLED: "true",
  HOSTNAME: "orders-7d9f5b6c4-x2x8z",
});
const onGoogle = (): Environment => ({ GCE_METADATA_HOST: google.host });

async function callerOf(program: string, env: Environment): Promise<string> {
  const flags = ["--input-type=module", "--eval", program];
  const { stdout, stderr } = await runNode(flags, { env: { ...everywhere(), ...env } });
  return stdout.trim() || stderr;
}

/** Runs a program, which must not ask Google for a token. */
async function callerWithoutGoogle(program: string, env: Environment): Promise<string> {
  const asked = google.identityRequests().length;
  const caller = await callerOf(program, { ...onGoogle(), ...env });
  expect(google.identityRequests()).toHaveLength(asked);
  return caller;
}

/** CloudTrail names the workload by the session's name. */
const ASSUMED = `arn:aws:sts::${ACCOUNT_ID}:assumed-role/orders/shop.orders`;

/** The pod that the API server makes with the policy, with the mounts at places of this machine. */
function inject(policy: string, replacements: Readonly<Record<string, string>>): IPod {
  const pod: IPod = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "orders", namespace: POD.namespace },
    spec: { serviceAccountName: POD.serviceAccountName, containers: [{ name: "app", image: "app:1" }] },
  };
  const annotations = { "amazonaws.com/role-arn": ROLE_ARN, "amazonaws.com/region": "eu-west-1" };
  const serviceAccounts = [{ metadata: { name: POD.serviceAccountName, annotations } }];
  const admitted = admitPod(readAdmission(`examples/kubernetes/injection/${policy}.yaml`), pod, { serviceAccounts });
  const text = Object.entries(replacements).reduce(
    (json, [from, to]) => json.replaceAll(from, to),
    JSON.stringify(admitted),
  );
  return JSON.parse(text) as IPod;
}

const environmentOf = ({ env = [] }: IContainer): Environment =>
  Object.fromEntries(env.map(({ name, value }) => [name, value]));

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

describe("an application that nobody changed gets credentials", () => {
  it("through the injected sidecar, and so does a program that does not know this package", async () => {
    const [port, healthPort] = [await freePort(), await freePort()].map(String) as [string, string];
    const places = { "/var/run/secrets/gke-aws-credentials": directory, "9911": port, "9912": healthPort };
    const pod = inject("sidecar", places);
    const [sidecar] = pod.spec!.initContainers as [IContainer];
    const env = { ...everywhere(), ...onGoogle(), ...environmentOf(sidecar) };
    await using _ = startProgram(["dist/cli.cjs", ...sidecar.args!], { env, limitMs: 60_000 });
    const { path, port: probed } = sidecar.startupProbe!.httpGet!;
    const probe = async () => (await fetch(`http://127.0.0.1:${probed}${path}`)).status;
    await vi.waitFor(async () => expect(await probe()).toBe(200), { timeout: 20_000, interval: 200 });
    const inContainer = environmentOf(pod.spec!.containers[0]!);
    expect(await callerOf(APPLICATION, { ...onGoogle(), ...inContainer })).toEqual(ASSUMED);
    const calls = sts.requests.filter(({ action }) => action === "AssumeRoleWithWebIdentity").length;
    expect(await callerOf(FOREIGN, inContainer)).toEqual(ASSUMED);
    expect(sts.requests.filter(({ action }) => action === "AssumeRoleWithWebIdentity")).toHaveLength(calls);
  });

  it("through the injected token, and so does a program that does not know this package", async () => {
    await using token = await cluster.projectToken(POD);
    const pod = inject("projected-token", { "/var/run/secrets/aws-web-identity/token": token.file });
    const inContainer = environmentOf(pod.spec!.containers[0]!);
    expect(inContainer).toMatchObject({ AWS_WEB_IDENTITY_TOKEN_FILE: token.file });
    expect(await callerWithoutGoogle(APPLICATION, inContainer)).toEqual(ASSUMED);
    expect(await callerWithoutGoogle(FOREIGN, inContainer)).toEqual(ASSUMED);
  });
});
