import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { createCredentialChain, fromNodeProviderChain } from "@aws-sdk/credential-providers";
import type { IPod } from "kubernetes-models/v1";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { run } from "../../src/cli/program.js";
import { createTrustPolicy, fromGkeWorkloadIdentity } from "../../src/index.js";
import {
  type AwsSts,
  type ClusterIssuer,
  type GoogleMetadataServer,
  startAwsSts,
  startClusterIssuer,
  startGoogleMetadataServer,
} from "../../src/testing/index.js";
import { admitPod, readAdmission } from "../support/mutating-admission.js";
import { UNIQUE_ID } from "../support/two-clouds.js";
import { withResolvers } from "../support/with-resolvers.js";

const awsAccountId = "123456789012";
const ROLE_ARN = `arn:aws:iam::${awsAccountId}:role/orders`;
const pod = { namespace: "shop", serviceAccountName: "orders" };
const expected = `arn:aws:sts::${awsAccountId}:assumed-role/orders/`;

/** The application: one image, one line. Nothing in it knows where it runs. */
async function application(): Promise<string> {
  const credentials = createCredentialChain(fromGkeWorkloadIdentity(), fromNodeProviderChain());
  const { Arn } = await new STSClient({ credentials }).send(new GetCallerIdentityCommand({}));
  return Arn ?? "";
}

let metadata: GoogleMetadataServer;
let gke: ClusterIssuer;
let eks: ClusterIssuer;
let sts: AwsSts;
let directory: string;

beforeAll(async () => {
  metadata = await startGoogleMetadataServer();
  gke = await startClusterIssuer();
  eks = await startClusterIssuer({
    issuer: "https://oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLED539D4633E53DE1B716D304",
  });
  directory = mkdtempSync(join(tmpdir(), "ways-in-"));
  const trustPolicy = {
    Statement: [
      ...createTrustPolicy({ serviceAccountUniqueId: UNIQUE_ID }).Statement,
      ...createTrustPolicy({ issuer: [gke.issuer, eks.issuer], awsAccountId, ...pod }).Statement,
    ],
  };
  sts = await startAwsSts({
    jwksUri: metadata.jwksUri,
    oidcProviders: [gke.oidcProvider(awsAccountId), eks.oidcProvider(awsAccountId)],
    roles: [{ arn: ROLE_ARN, trustPolicy }],
  });
});
afterAll(async () => {
  await Promise.all([metadata, gke, eks, sts].map((server) => server?.close()));
  rmSync(directory, { recursive: true, force: true });
});

/** The environment of a container, and nothing of another one. */
function setEnvironment(env: Readonly<Record<string, string>>): void {
  vi.unstubAllEnvs();
  const everywhere = { AWS_ENDPOINT_URL_STS: sts.url, HOSTNAME: "orders-7d9f5b6c4-x2x8z", AWS_REGION: "eu-west-1" };
  for (const [name, value] of Object.entries({ ...everywhere, ...env })) vi.stubEnv(name, value);
}

const onGke = () => ({ GCE_METADATA_HOST: metadata.host, KUBERNETES_SERVICE_HOST: "10.0.0.1" });

/** The pod as the API server makes it with one of the injection policies. */
function inject(policy: "sidecar" | "projected-token"): IPod["spec"] & object {
  const admitted = admitPod(
    readAdmission(`examples/kubernetes/injection/${policy}.yaml`),
    {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "orders-7d9f5b6c4-x2x8z", namespace: pod.namespace },
      spec: { serviceAccountName: pod.serviceAccountName, containers: [{ name: "app", image: "app:1" }] },
    },
    {
      serviceAccounts: [
        {
          metadata: {
            name: pod.serviceAccountName,
            annotations: { "amazonaws.com/role-arn": ROLE_ARN, "amazonaws.com/region": "eu-west-1" },
          },
        },
      ],
    },
  );
  return admitted.spec!;
}

const environmentOf = (container: { env?: { name: string; value?: string }[] } | undefined) =>
  Object.fromEntries((container?.env ?? []).map(({ name, value }) => [name, value ?? ""]));

describe("the same line of code gets credentials", () => {
  it("on GKE with a Google service account", async () => {
    setEnvironment({ ...onGke(), AWS_ROLE_ARN: ROLE_ARN });
    expect(await application()).toContain(expected);
    expect(metadata.identityRequests()).toHaveLength(1);
  });

  it("on GKE with a projected token", async () => {
    await using token = gke.projectToken(pod);
    setEnvironment({ ...onGke(), AWS_ROLE_ARN: ROLE_ARN, AWS_WEB_IDENTITY_TOKEN_FILE: token.file });
    const requests = metadata.requests.length;
    expect(await application()).toContain(expected);
    expect(metadata.requests).toHaveLength(requests);
  });

  it("on EKS with the variables that EKS sets", async () => {
    await using token = eks.projectToken(pod);
    setEnvironment({
      AWS_DEFAULT_REGION: "eu-west-1",
      AWS_ROLE_ARN: ROLE_ARN,
      AWS_STS_REGIONAL_ENDPOINTS: "regional",
      AWS_WEB_IDENTITY_TOKEN_FILE: token.file,
      KUBERNETES_SERVICE_HOST: "10.100.0.1",
    });
    expect(await application()).toContain(expected);
  });

  it("on GKE through the injected sidecar", async () => {
    const { containers, initContainers = [] } = inject("sidecar");
    const sidecar = initContainers.find(({ name }) => name === "gke-aws-credentials");
    const environment = environmentOf(containers.find(({ name }) => name === "app"));
    const tokenFile = environment.AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE ?? "";
    // The volume is a directory here, and the port any free one.
    const own = join(directory, "authorization");
    const args = (sidecar?.args ?? []).map((arg) => (arg === tokenFile ? own : arg === "9911" ? "0" : arg));
    setEnvironment({ ...onGke(), ...environmentOf(sidecar) });
    const { promise, resolve: stop } = withResolvers();
    let printed = "";
    const write = (text: string): void => {
      printed += text;
    };
    const serving = run(args, { stdout: { write }, stderr: { write: () => {} }, untilStopped: () => promise });
    await vi.waitFor(() => expect(printed).toMatch(/:\d+\//), 10_000);
    const [, port] = /:(\d+)\//.exec(printed) ?? [];
    const url = environment.AWS_CONTAINER_CREDENTIALS_FULL_URI?.replace(":9911", `:${port}`) ?? "";
    await vi.waitFor(async () => expect((await fetch(`${url}healthz`)).status).toBe(200), 10_000);

    setEnvironment({
      ...onGke(),
      ...environment,
      AWS_CONTAINER_CREDENTIALS_FULL_URI: url,
      AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: own,
    });
    expect(await application()).toContain(expected);
    const unmodified = new STSClient({ credentials: fromNodeProviderChain() });
    expect((await unmodified.send(new GetCallerIdentityCommand({}))).Arn).toContain(expected);
    stop();
    expect(await serving).toBe(0);
  });

  it("on GKE through the injected projected token", async () => {
    const { containers, volumes = [] } = inject("projected-token");
    const environment = environmentOf(containers.find(({ name }) => name === "app"));
    const source = volumes.flatMap(({ projected }) => projected?.sources ?? []).at(0)?.serviceAccountToken;
    await using token = gke.projectToken({
      ...pod,
      audience: source?.audience,
      expirationSeconds: source?.expirationSeconds,
    });
    expect(environment.AWS_WEB_IDENTITY_TOKEN_FILE).toMatch(new RegExp(`/${source?.path}$`));
    setEnvironment({ ...onGke(), ...environment, AWS_WEB_IDENTITY_TOKEN_FILE: token.file });
    expect(await application()).toContain(expected);
    expect(readFileSync(token.file, "utf8")).toBe(gke.issuedTokens.at(-1));
  });
});
