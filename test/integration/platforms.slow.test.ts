import { execFile, spawnSync } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { beforeAll, describe, expect, it } from "vitest";
import type { GkeWorkloadIdentityErrorCode } from "../../src/index.js";
import { withResolvers } from "../support/with-resolvers.js";

interface Server {
  readonly status?: number;
  /** Default: Google's. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Default: a token where one is asked for. */
  readonly body?: string;
  /** How long the first answer takes. */
  readonly firstMs?: number;
  /** What a mesh's proxy answers in its place, for so long after the first request for credentials. */
  readonly early?: { readonly status: number; readonly ms: number };
}

interface Platform {
  readonly network: "address" | "ipv6" | "none" | "unreachable" | "dropped";
  readonly env?: Readonly<Record<string, string>>;
  /** The `iss` of the pod's Kubernetes token; without one the token cannot be read. */
  readonly issuer?: string;
  readonly server?: Server;
  /** When the server starts, and what is done for it. */
  readonly startMs?: number;
  readonly onStart?: string;
  readonly timeoutMs?: number;
  /** Default: a credential chain, asked once. */
  readonly way?: "fallback" | "twice";
  /** The port of a proxy on loopback. */
  readonly proxy?: number;
}

interface Outcome {
  readonly goesTo: "google" | "next" | "nowhere";
  readonly code?: GkeWorkloadIdentityErrorCode;
  readonly message?: string;
  readonly hint?: string;
  readonly ms: number;
  readonly againMs?: number;
  readonly requests: number;
  readonly proxied: number;
}

type Expected = Partial<Outcome> & { readonly atLeastMs?: number; readonly atMostMs: number };

const folder = join(import.meta.dirname, "platforms");

const inSh = (network: Platform["network"], command: readonly string[]) =>
  ["unshare", "-n", "-m", "sh", join(folder, "enter.sh"), network, ...command] as const;

/** Asks on platforms of one network, one after the other in one process. */
async function askOn(platforms: readonly Platform[]): Promise<readonly Outcome[]> {
  const list = platforms.map(({ issuer, env = {}, ...rest }) => {
    const claims = Buffer.from(JSON.stringify({ iss: issuer, sub: "system:serviceaccount:shop:orders" }));
    return { ...rest, env, token: issuer && `e30.${claims.toString("base64url")}.c2ln` };
  });
  const program = [process.execPath, join(folder, "on-platform.mjs"), JSON.stringify(list)];
  const [file, ...args] = inSh(platforms[0]!.network, program);
  const env = { PATH: process.env.PATH, NODE_NO_WARNINGS: "1", ...(platforms.length === 1 && platforms[0]?.env) };
  const { stdout } = await promisify(execFile)(file, args, { env });
  return stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Outcome);
}

const GKE = "https://container.googleapis.com/v1/projects/p/locations/europe-west1/clusters/c";
const EKS = "https://oidc.eks.eu-west-1.amazonaws.com/id/0123456789ABCDEF";
const AKS = "https://westeurope.oic.prod-aks.azure.com/tenant/id/";
const OTHER = "https://kubernetes.default.svc.cluster.local";
const POD = { KUBERNETES_SERVICE_HOST: "10.96.0.1" };
const KNATIVE = { ...POD, K_SERVICE: "orders" };
const GOOGLE: Server = {};
const foreign = (status: number, body = ""): Server => ({ status, headers: {}, body });
const detection = (METADATA_SERVER_DETECTION: string) => ({ METADATA_SERVER_DETECTION });
const host = (GCE_METADATA_HOST: string) => ({ GCE_METADATA_HOST });

/** The machine is busy: what must come at once may take this long. */
const AT_ONCE = 1_500;
const token = (more: Partial<Expected> = {}): Expected => ({ goesTo: "google", atMostMs: 4_000, ...more });
const foreignAnswer: Expected = { goesTo: "next", code: "NOT_ON_GOOGLE_CLOUD", requests: 1, atMostMs: 1_500 };
const notHere: Expected = { goesTo: "next", code: "NOT_ON_GOOGLE_CLOUD", atMostMs: AT_ONCE };
const notHereInASecond: Expected = { ...notHere, atLeastMs: 950, atMostMs: 2_000 };
const tenSeconds = (code: GkeWorkloadIdentityErrorCode): Expected => ({
  goesTo: "next",
  code,
  atLeastMs: 9_500,
  atMostMs: 12_000,
});

/** An answer that is not Google's, on a platform that is: no chain goes on. */
const onGoogleFor = (ms: number, status: number): Expected => ({
  goesTo: "nowhere",
  code: "METADATA_UNAVAILABLE",
  message: expect.stringContaining(`answered HTTP ${status} without`),
  atLeastMs: ms - 1_500,
  atMostMs: ms + 2_000,
});

/** A mesh's proxy that answers for three seconds. */
const mesh = (status: number): Server => ({ early: { status, ms: 3_000 } });
const GKE_POD = { network: "address", env: POD, issuer: GKE } as const;
const OTHER_POD = { ...GKE_POD, issuer: OTHER };
const OTHER_KNATIVE = { ...OTHER_POD, env: KNATIVE };
const AFTER_MESH = token({ atLeastMs: 2_900, atMostMs: 8_500 });

/** Those that take long stand first, so that the others run meanwhile. */
const platforms: Readonly<Record<string, readonly [Platform, Expected]>> = {
  "EKS without a readable token, packets dropped": [{ network: "dropped", env: POD }, tenSeconds("METADATA_TIMEOUT")],
  "kind without a readable token, address refuses": [
    { network: "address", env: POD },
    tenSeconds("METADATA_UNAVAILABLE"),
  ],
  "on-premises without a readable token, no route": [{ network: "none", env: POD }, tenSeconds("METADATA_UNAVAILABLE")],
  "Knative elsewhere, address unreachable": [
    { network: "unreachable", env: KNATIVE, issuer: OTHER },
    tenSeconds("METADATA_UNAVAILABLE"),
  ],
  "GKE, server starts 5 s late": [
    { ...GKE_POD, server: GOOGLE, startMs: 5_000 },
    token({ atLeastMs: 4_900, atMostMs: 11_000 }),
  ],
  "GKE, packets dropped for 5 s": [
    {
      network: "dropped",
      env: POD,
      issuer: GKE,
      server: GOOGLE,
      startMs: 5_000,
      onStart: "ip addr add 169.254.169.254/32 dev lo; ip route del 169.254.169.254 dev v0; ip route flush cache",
    },
    token({ atLeastMs: 4_900, atMostMs: 13_000 }),
  ],
  "GKE without a readable token, server starts 5 s late": [
    { network: "address", env: POD, server: GOOGLE, startMs: 5_000 },
    token({ atLeastMs: 4_900, atMostMs: 9_500 }),
  ],
  "GKE, server never starts": [
    { ...GKE_POD, timeoutMs: 4_000 },
    { goesTo: "nowhere", code: "METADATA_UNAVAILABLE", atLeastMs: 3_900, atMostMs: 6_000 },
  ],
  "assume-present, nothing there": [
    { network: "address", env: detection("assume-present"), timeoutMs: 4_000 },
    { goesTo: "nowhere", code: "METADATA_UNAVAILABLE", atLeastMs: 3_900, atMostMs: 6_000 },
  ],
  "GKE, a mesh's proxy answers 503 for 3 s": [{ ...GKE_POD, server: mesh(503) }, AFTER_MESH],
  "GKE, a mesh's proxy answers 404 for 3 s": [{ ...GKE_POD, server: mesh(404) }, AFTER_MESH],
  "GKE, a mesh's proxy answers 502 for ever": [
    { ...GKE_POD, server: foreign(502), timeoutMs: 4_000 },
    { ...onGoogleFor(4_000, 502), hint: expect.stringContaining("service mesh (Istio, Linkerd)") },
  ],
  "GKE, a mesh's proxy answers 503 for ever, with a fallback": [
    { ...GKE_POD, server: foreign(503), timeoutMs: 3_000, way: "fallback" },
    onGoogleFor(3_000, 503),
  ],
  "assume-present, a mesh's proxy answers 404 for 3 s": [
    { network: "address", env: detection("assume-present"), server: mesh(404) },
    AFTER_MESH,
  ],
  "GKE without a readable token, a mesh's proxy answers 503 for 3 s": [
    { network: "address", env: POD, server: mesh(503) },
    AFTER_MESH,
  ],
  "Knative elsewhere, a proxy answers 503 for ever": [
    { ...OTHER_KNATIVE, server: foreign(503) },
    tenSeconds("NOT_ON_GOOGLE_CLOUD"),
  ],
  "a laptop with K_SERVICE, asked twice": [
    { network: "none", env: { K_SERVICE: "orders" }, way: "twice" },
    tenSeconds("METADATA_UNAVAILABLE"),
  ],
  "a laptop with K_SERVICE and a fallback": [
    { network: "none", env: { K_SERVICE: "orders" }, way: "fallback" },
    { goesTo: "next", atLeastMs: 9_500, atMostMs: 12_000 },
  ],
  "EKS with a fallback": [
    { network: "address", env: POD, issuer: EKS, server: foreign(401), way: "fallback" },
    { goesTo: "next", requests: 0, atMostMs: AT_ONCE },
  ],
  "a laptop with a fallback": [
    { network: "none", way: "fallback" },
    { goesTo: "next", atMostMs: AT_ONCE },
  ],
  "GKE with a fallback": [{ ...GKE_POD, server: GOOGLE, way: "fallback" }, token({ requests: 1 })],
  "App Engine, first answer after 1.5 s": [
    { network: "address", env: { GAE_ENV: "standard" }, server: { firstMs: 1_500 } },
    token({ atLeastMs: 1_500 }),
  ],
  "a laptop, packets dropped": [{ network: "dropped" }, notHereInASecond],
  "kind, packets dropped": [{ network: "dropped", env: POD, issuer: OTHER }, notHereInASecond],
  "ping-only, packets dropped": [{ network: "dropped", env: detection("ping-only") }, notHereInASecond],
  GKE: [{ ...GKE_POD, server: GOOGLE }, token({ requests: 1 })],
  "GKE, something else answers": [{ ...GKE_POD, server: foreign(401), timeoutMs: 3_000 }, onGoogleFor(3_000, 401)],
  "GKE behind a proxy": [
    {
      network: "address",
      env: {
        ...POD,
        HTTP_PROXY: "http://127.0.0.1:3128",
        HTTPS_PROXY: "http://127.0.0.1:3128",
        NODE_USE_ENV_PROXY: "1",
      },
      issuer: GKE,
      server: GOOGLE,
      proxy: 3128,
    },
    token({ proxied: 0 }),
  ],
  "Kubernetes of one's own on Compute Engine": [{ ...OTHER_POD, server: GOOGLE }, token()],
  "Compute Engine with IPv6 only": [{ network: "ipv6", server: GOOGLE }, token()],
  "GKE with IPv6 only": [{ network: "ipv6", env: POD, issuer: GKE, server: GOOGLE }, token()],
  "a Cloud Run service, first answer after 800 ms": [
    { network: "address", env: { K_SERVICE: "orders" }, server: { firstMs: 800 } },
    token({ atLeastMs: 800 }),
  ],
  "a Cloud Run worker pool, first answer after 1.5 s": [
    { network: "address", env: { CLOUD_RUN_WORKER_POOL: "orders" }, server: { firstMs: 1_500 } },
    token({ atLeastMs: 1_500 }),
  ],
  "EKS, IMDSv2": [
    { network: "address", env: POD, issuer: EKS, server: foreign(401) },
    { ...notHere, requests: 0 },
  ],
  "EKS, packets dropped": [{ network: "dropped", env: POD, issuer: EKS }, notHere],
  "EKS without a readable token, IMDSv2": [{ network: "address", env: POD, server: foreign(401) }, foreignAnswer],
  "AKS, packets dropped": [{ network: "dropped", env: POD, issuer: AKS }, notHere],
  "AKS without a readable token": [{ network: "address", env: POD, server: foreign(400) }, foreignAnswer],
  "kind, no route": [{ network: "none", env: POD, issuer: OTHER }, notHere],
  "on-premises, address refuses": [{ ...OTHER_POD }, notHere],
  "on-premises, address unreachable": [{ network: "unreachable", env: POD, issuer: OTHER }, notHere],
  "Knative elsewhere, a page answers": [{ ...OTHER_KNATIVE, server: foreign(200, "<html>") }, foreignAnswer],
  "Knative on EKS": [
    { network: "address", env: KNATIVE, issuer: EKS, server: foreign(404) },
    { ...notHere, requests: 0 },
  ],
  "a laptop, no route": [{ network: "none" }, notHere],
  "a laptop, a captive portal redirects": [
    { network: "address", server: { status: 302, headers: { Location: "http://127.0.0.1/login" } } },
    foreignAnswer,
  ],
  "GitHub's runner": [{ network: "address", env: { CI: "true" }, server: foreign(400) }, foreignAnswer],
  "EC2, IMDSv1 and 404": [{ network: "address", server: foreign(404, "<html>") }, foreignAnswer],
  "none, on Google": [
    { network: "address", env: { ...POD, ...detection("none") }, issuer: GKE, server: GOOGLE },
    { ...notHere, requests: 0 },
  ],
  "bios-only, without Google's BIOS": [
    { network: "address", env: detection("bios-only"), server: GOOGLE },
    { ...notHere, requests: 0 },
  ],
  "bios-only, on Cloud Run": [
    { network: "address", env: { ...detection("bios-only"), K_SERVICE: "orders" }, server: GOOGLE },
    token({ requests: 1 }),
  ],
  "ping-only, on Google": [{ network: "address", env: detection("ping-only"), server: GOOGLE }, token()],
  "assume-present, something else answers": [
    { network: "address", env: detection("assume-present"), server: foreign(404), timeoutMs: 3_000 },
    onGoogleFor(3_000, 404),
  ],
  "a wrong METADATA_SERVER_DETECTION": [
    { network: "address", env: detection("auto"), server: GOOGLE },
    { goesTo: "nowhere", code: "INVALID_CONFIGURATION", requests: 0, atMostMs: AT_ONCE },
  ],
  "GCE_METADATA_HOST with a bare IPv6 address": [
    { network: "ipv6", env: host("fd20:ce::254 "), server: GOOGLE },
    token(),
  ],
  "GCE_METADATA_HOST with scheme and port": [
    { network: "address", env: host("http://169.254.169.254:80/"), server: GOOGLE },
    token({ requests: 1 }),
  ],
  "GCE_METADATA_HOST of another server": [
    { network: "address", env: host("127.0.0.1"), server: foreign(200, "<html>") },
    { goesTo: "nowhere", code: "METADATA_UNAVAILABLE", requests: 1, atMostMs: AT_ONCE },
  ],
};

const AT_THE_SAME_TIME = 8;

/** Network namespaces need Linux and root. */
const canEnter = (() => {
  const [file, ...args] = inSh("dropped", ["true"]);
  return spawnSync(file, args).status === 0;
})();

/**
 * A platform that takes long, or that Node must know of at its start, has a process of its own. All others of a network
 * share one, since a process needs half a second to load its packages.
 */
const processes = new Map<string, [string, Platform][]>();
for (const [name, [platform, { atLeastMs = 0 }]] of Object.entries(platforms)) {
  const key = atLeastMs > 2_000 || platform.proxy || platform.way ? name : platform.network;
  processes.set(key, [...(processes.get(key) ?? []), [name, platform]]);
}

describe.skipIf(!canEnter)(
  "a credential chain, or a provider with a fallback, in a network of its own",
  { timeout: 120_000 },
  () => {
    const outcomes = new Map<string, Promise<Outcome | undefined>>();

    beforeAll(() => {
      const waiting = [...processes.values()].map((group) => {
        const { promise: turn, resolve: begin } = withResolvers();
        const all = turn.then(() => askOn(group.map(([, platform]) => platform))).finally(() => next());
        all.catch(() => {});
        for (const [index, [name]] of group.entries()) {
          const outcome = all.then((list) => list[index]);
          outcome.catch(() => {});
          outcomes.set(name, outcome);
        }
        return begin;
      });
      const next = (): void => waiting.shift()?.();
      for (let started = 0; started < AT_THE_SAME_TIME; started += 1) next();
    });

    it.each(Object.entries(platforms))("gets what it should on: %s", async (name, [, expected]) => {
      const { atLeastMs = 0, atMostMs, ...rest } = expected;
      const outcome = await outcomes.get(name);
      expect(outcome).toMatchObject(rest);
      expect(outcome?.ms).toBeGreaterThanOrEqual(atLeastMs);
      expect(outcome?.ms).toBeLessThanOrEqual(atMostMs);
      // A wait in vain is not repeated at each request.
      if (outcome?.againMs !== undefined) {
        expect(outcome.againMs).toBeGreaterThanOrEqual(900);
        expect(outcome.againMs).toBeLessThanOrEqual(2_500);
      }
    });
  },
);
