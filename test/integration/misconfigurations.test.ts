import { inspect } from "node:util";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { run } from "../../src/cli/program.js";
import { diagnose } from "../../src/doctor/diagnosis.js";
import {
  createTrustPolicy,
  type FromGkeWorkloadIdentityInit,
  fromGkeWorkloadIdentity,
  GkeWorkloadIdentityError,
  type GkeWorkloadIdentityErrorCode,
  type GkeWorkloadIdentityEvent,
} from "../../src/index.js";
import type { AwsStsOptions, GoogleMetadataServerOptions, TrustPolicyDocument } from "../../src/testing/index.js";
import { ROLE_ARN, startTwoClouds, type TwoClouds, UNIQUE_ID } from "../support/two-clouds.js";

const EMAIL = "reader@example-project.iam.gserviceaccount.com";
const OTHER_ID = "2".repeat(21);

interface Misconfiguration {
  /** How the user got here. */
  readonly what: string;
  readonly sts?: Partial<AwsStsOptions>;
  readonly metadata?: GoogleMetadataServerOptions;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly init?: FromGkeWorkloadIdentityInit;
  readonly arrange?: (clouds: TwoClouds) => void | Promise<void>;
  readonly code: GkeWorkloadIdentityErrorCode;
  /** What the hint, or the message, must hold: the command that fixes it, with real names. */
  readonly fix: string | RegExp;
  /** Where doctor stops, or `warns` at another step than the one that fails. */
  readonly step: string;
}

const trusting = (over: Readonly<Record<string, string>>): Partial<AwsStsOptions> => {
  const [statement] = createTrustPolicy({ serviceAccountUniqueId: UNIQUE_ID }).Statement;
  const trustPolicy: TrustPolicyDocument = {
    Version: "2012-10-17",
    Statement: [{ ...statement, Condition: { StringEquals: { ...statement.Condition.StringEquals, ...over } } }],
  };
  return { roles: [{ arn: ROLE_ARN, trustPolicy }] };
};
const TRUSTED = `accounts.google.com:aud = ${UNIQUE_ID}, accounts.google.com:oaud = sts.amazonaws.com, accounts.google.com:sub = ${UNIQUE_ID}`;
const ANNOTATE = "kubectl annotate serviceaccount default --namespace default iam.gke.io/gcp-service-account=";
/** Quick where the failure passes by itself and is retried until the time limit. */
const SOON = { timeoutMs: 700 };
const SOON_AFTER_LOADING = { timeoutMs: 3_000 };
const NOT_A_POD = { KUBERNETES_SERVICE_HOST: undefined };
const NODES_ACCOUNT = { email: "123456789012-compute@developer.gserviceaccount.com", uniqueId: OTHER_ID };
const moveClock = (ms: number) => vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + ms });
const stsAnswers = (code: string, message?: string) => (clouds: TwoClouds) =>
  clouds.sts.injectFault({ kind: "error", code, ...(message && { message }) });

const MISCONFIGURATIONS: readonly Misconfiguration[] = [
  // Configuration
  {
    what: "no role is named",
    env: { AWS_ROLE_ARN: undefined },
    code: "MISSING_ROLE_ARN",
    fix: "kubectl set env deployment/DEPLOYMENT AWS_ROLE_ARN=arn:aws:iam::ACCOUNT_ID:role/ROLE_NAME",
    step: "configuration",
  },
  {
    what: "AWS_ROLE_ARN is a role's name",
    env: { AWS_ROLE_ARN: "reader" },
    code: "INVALID_CONFIGURATION",
    fix: "AWS_ROLE_ARN must be the ARN of an IAM role",
    step: "configuration",
  },
  {
    what: "AWS_ROLE_ARN is a user's ARN",
    env: { AWS_ROLE_ARN: "arn:aws:iam::123456789012:user/reader" },
    code: "INVALID_CONFIGURATION",
    fix: 'got "arn:aws:iam::123456789012:user/reader"',
    step: "configuration",
  },
  {
    what: "AWS_ROLE_SESSION_NAME has a space",
    env: { AWS_ROLE_SESSION_NAME: "my pod" },
    code: "INVALID_CONFIGURATION",
    fix: "AWS_ROLE_SESSION_NAME must be 2 to 64 characters",
    step: "configuration",
  },
  {
    what: "the audience is empty",
    init: { audience: "" },
    code: "INVALID_CONFIGURATION",
    fix: "audience must be a string that is not empty",
    step: "configuration",
  },
  {
    what: "the duration is below STS's least",
    init: { durationSeconds: 60 },
    code: "INVALID_CONFIGURATION",
    fix: "from 900 to 43200",
    step: "configuration",
  },
  {
    what: "the session policy is not JSON",
    init: { policy: "allow all" },
    code: "INVALID_CONFIGURATION",
    fix: "policy must be an IAM policy document in JSON",
    step: "configuration",
  },
  // The metadata server
  {
    what: "the process is not on Google Cloud",
    env: { GCE_METADATA_HOST: undefined },
    code: "NOT_ON_GOOGLE_CLOUD",
    fix: "METADATA_SERVER_DETECTION",
    step: "metadata server",
  },
  {
    what: "GCE_METADATA_HOST leads nowhere",
    env: { GCE_METADATA_HOST: "127.0.0.1:1" },
    init: SOON,
    code: "METADATA_UNAVAILABLE",
    fix: "The variable GCE_METADATA_HOST names that server",
    step: "metadata server",
  },
  {
    what: "something else answers at the metadata server's address",
    arrange: ({ sts }) => void vi.stubEnv("GCE_METADATA_HOST", new URL(sts.url).host),
    init: SOON,
    code: "METADATA_UNAVAILABLE",
    fix: 'answered HTTP 400 without "Metadata-Flavor: Google"',
    step: "metadata server",
  },
  {
    what: "a NetworkPolicy drops packets to the metadata server",
    arrange: ({ metadata }) => metadata.injectFault({ kind: "hang" }),
    init: SOON,
    code: "METADATA_TIMEOUT",
    fix: "GCE_METADATA_HOST",
    step: "metadata server",
  },
  {
    what: "the node's metadata server is not there",
    arrange: ({ metadata }) => metadata.refuseConnections(),
    init: SOON,
    code: "METADATA_UNAVAILABLE",
    fix: "GCE_METADATA_HOST",
    step: "metadata server",
  },
  {
    what: "the node's metadata server keeps failing",
    arrange: ({ metadata }) => metadata.injectFault({ kind: "status", status: 503 }),
    init: SOON,
    code: "METADATA_UNAVAILABLE",
    fix: "Service Unavailable",
    step: "ID token",
  },
  // The Google service account
  {
    what: "the Kubernetes service account is not annotated",
    metadata: { serviceAccount: null },
    code: "NO_GOOGLE_SERVICE_ACCOUNT",
    fix: `${ANNOTATE}GSA_NAME@example-project.iam.gserviceaccount.com`,
    step: "ID token",
  },
  {
    what: "the annotated Google service account does not exist",
    arrange: ({ metadata }) => metadata.injectFault({ kind: "status", status: 404 }),
    code: "NO_GOOGLE_SERVICE_ACCOUNT",
    fix: `gcloud iam service-accounts describe ${EMAIL}`,
    step: "ID token",
  },
  {
    what: "serviceAccountEmail names another account",
    init: { serviceAccountEmail: "writer@example-project.iam.gserviceaccount.com" },
    code: "NO_GOOGLE_SERVICE_ACCOUNT",
    fix: "gcloud iam service-accounts describe writer@example-project.iam.gserviceaccount.com",
    step: "ID token",
  },
  {
    what: "roles/iam.workloadIdentityUser is missing",
    arrange: ({ metadata }) => metadata.injectFault({ kind: "status", status: 403 }),
    code: "GOOGLE_PERMISSION_DENIED",
    fix: `gcloud iam service-accounts add-iam-policy-binding ${EMAIL} --role roles/iam.workloadIdentityUser --member 'serviceAccount:example-project.svc.id.goog[`,
    step: "ID token",
  },
  // The token
  {
    what: "the metadata server answers with a page",
    arrange: ({ metadata }) => metadata.injectFault({ kind: "garbage" }),
    code: "INVALID_ID_TOKEN",
    fix: "not a JWT",
    step: "ID token",
  },
  {
    what: "this machine's clock is two hours ahead",
    arrange: async () => void moveClockOnceServersRun(7_200_000),
    init: { idTokenProvider: { fetchIdToken: async () => oldToken() } },
    code: "INVALID_ID_TOKEN",
    fix: "date -u",
    step: "ID token",
  },
  {
    what: "the idTokenProvider gives a token for another audience",
    init: { idTokenProvider: { fetchIdToken: async () => oldToken({ aud: "gcp" }) } },
    code: "INVALID_ID_TOKEN",
    fix: 'audience is "gcp"',
    step: "ID token",
  },
  // The exchange
  {
    what: "the role does not exist",
    sts: { roles: [] },
    code: "STS_ACCESS_DENIED",
    fix: "See whether the role exists in account 123456789012",
    step: "exchange",
  },
  {
    what: "the role trusts another service account",
    sts: trusting({ "accounts.google.com:aud": OTHER_ID, "accounts.google.com:sub": OTHER_ID }),
    code: "STS_ACCESS_DENIED",
    fix: TRUSTED,
    step: "exchange",
  },
  {
    what: "the role's policy has the wrong sub alone",
    sts: trusting({ "accounts.google.com:sub": OTHER_ID }),
    code: "STS_ACCESS_DENIED",
    fix: TRUSTED,
    step: "exchange",
  },
  {
    what: "the role's policy pins another audience",
    sts: trusting({ "accounts.google.com:oaud": "gcp" }),
    code: "STS_ACCESS_DENIED",
    fix: TRUSTED,
    step: "exchange",
  },
  {
    what: "the pod has the node's service account",
    metadata: { serviceAccount: NODES_ACCOUNT },
    code: "STS_ACCESS_DENIED",
    fix: "The token is of the node's service account",
    step: "exchange",
  },
  {
    what: "the virtual machine has the default service account",
    metadata: { serviceAccount: NODES_ACCOUNT },
    env: NOT_A_POD,
    code: "STS_ACCESS_DENIED",
    fix: TRUSTED.replaceAll(UNIQUE_ID, OTHER_ID),
    step: "exchange",
  },
  {
    what: "AWS has an IAM OIDC provider for accounts.google.com",
    arrange: stsAnswers("InvalidIdentityToken", "Incorrect token audience"),
    code: "STS_INVALID_TOKEN",
    fix: "aws iam list-open-id-connect-providers",
    step: "exchange",
  },
  {
    what: "STS's clock and the token do not agree",
    arrange: stsAnswers(
      "ExpiredTokenException",
      "Token expired: current date/time 2 must be before the expiration date/time1",
    ),
    code: "STS_EXPIRED_TOKEN",
    fix: "date -u",
    step: "exchange",
  },
  {
    what: "the duration is above the role's maximum",
    init: { durationSeconds: 7_200 },
    code: "INVALID_CONFIGURATION",
    fix: "aws iam update-role --role-name reader --max-session-duration 7200",
    step: "exchange",
  },
  {
    what: "the session policy is no IAM policy",
    init: { policy: "{}" },
    code: "STS_POLICY_INVALID",
    fix: "policyArns",
    step: "exchange",
  },
  {
    what: "the session policies are too large together",
    arrange: stsAnswers("PackedPolicyTooLarge"),
    code: "STS_POLICY_INVALID",
    fix: "2048",
    step: "exchange",
  },
  {
    what: "STS cannot fetch Google's keys",
    arrange: stsAnswers("InvalidIdentityToken", "Couldn't retrieve verification key from your identity provider"),
    init: SOON_AFTER_LOADING,
    code: "STS_IDP_UNREACHABLE",
    fix: "stsRegions",
    step: "exchange",
  },
  {
    what: "the account is throttled",
    arrange: stsAnswers("Throttling", "Rate exceeded"),
    init: { ...SOON_AFTER_LOADING, clientConfig: { region: "us-east-1", maxAttempts: 1 } },
    code: "STS_THROTTLED",
    fix: "Share one provider",
    step: "exchange",
  },
  {
    what: "this machine's clock is so far ahead that sessions look ended",
    arrange: ({ sts }) => sts.injectFault({ kind: "expiredSession" }),
    code: "STS_INVALID_RESPONSE",
    fix: "date -u",
    step: "caller identity",
  },
  // The endpoint
  {
    what: "the region is of another partition",
    env: { AWS_REGION: "cn-north-1" },
    init: { clientConfig: {} },
    code: "INVALID_CONFIGURATION",
    fix: "cn-north-1, in the partition aws-cn",
    step: "STS endpoint",
  },
  {
    what: "the region is not activated",
    arrange: stsAnswers("RegionDisabledException"),
    code: "STS_REGION_DISABLED",
    fix: "aws account enable-region --region-name us-east-1",
    step: "STS endpoint",
  },
  {
    what: "the region's name is mistyped",
    init: { clientConfig: { region: "us-est-1", maxAttempts: 1, requestHandler: notFound() as never } },
    code: "STS_UNREACHABLE",
    fix: "Check that name, and the DNS.",
    step: "STS endpoint",
  },
  {
    what: "a firewall refuses connections to STS",
    arrange: ({ sts }) => sts.refuseConnections(),
    init: { ...SOON_AFTER_LOADING, clientConfig: { region: "us-east-1", maxAttempts: 1 } },
    code: "STS_UNREACHABLE",
    fix: "curl -sS",
    step: "STS endpoint",
  },
  {
    what: "a proxy opens TLS with a certificate of its own",
    init: {
      clientConfig: { region: "us-east-1", maxAttempts: 1, requestHandler: untrusted() as never },
      ...SOON_AFTER_LOADING,
    },
    code: "STS_UNREACHABLE",
    fix: "NODE_EXTRA_CA_CERTS",
    step: "STS endpoint",
  },
  {
    what: "AWS_ENDPOINT_URL_STS leads to a web page",
    arrange: ({ sts }) => sts.injectFault({ kind: "garbage" }),
    code: "STS_INVALID_RESPONSE",
    fix: /AWS_ENDPOINT_URL_STS sends calls of STS to 127\.0\.0\.1:|env \| grep AWS_ENDPOINT_URL/,
    step: "STS endpoint",
  },
];

/** A handler that fails as Node does. */
function failing(code: string) {
  return { handle: async () => Promise.reject(Object.assign(new Error(`connect ${code}`), { code })) };
}
function notFound() {
  return failing("ENOTFOUND");
}
function untrusted() {
  return failing("SELF_SIGNED_CERT_IN_CHAIN");
}

let clouds: TwoClouds;
let oldToken: (claims?: Readonly<Record<string, unknown>>) => string;
function moveClockOnceServersRun(ms: number): void {
  const token = clouds.metadata.mintIdToken();
  oldToken = () => token;
  moveClock(ms);
}

/** Everything that anybody was shown in this case. */
const shown: string[] = [];

async function arrange({ sts, metadata, env = {}, arrange: set }: Misconfiguration): Promise<void> {
  shown.length = 0;
  clouds = await startTwoClouds(sts, metadata);
  oldToken = clouds.metadata.mintIdToken;
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
  await set?.(clouds);
}

/** Fails the test too when the case showed a token, a secret access key or a session token. Gives their number. */
async function end(): Promise<number> {
  const secrets = [...clouds.metadata.issuedTokens, ...clouds.sts.issuedSecrets()];
  vi.useRealTimers();
  await clouds[Symbol.asyncDispose]();
  const all = shown.join("\n");
  expect(all).not.toBe("");
  expect(secrets.filter((secret) => all.includes(secret))).toEqual([]);
  expect(all).not.toMatch(/eyJ[\w-]+\.[\w-]+\./);
  return secrets.length;
}

const show = (value: unknown): number =>
  shown.push(inspect(value, { depth: Number.POSITIVE_INFINITY, showHidden: true, maxStringLength: null }));
const logger = { trace: show, debug: show, info: show, warn: show, error: show };

const REGION_INIT = { clientConfig: { region: "us-east-1" } };

describe("a misconfiguration", () => {
  beforeEach(() => {
    vi.stubEnv("AWS_REGION", "us-east-1");
    vi.stubEnv("KUBERNETES_SERVICE_HOST", "10.0.0.1");
  });

  it("is told apart from others in at least 25 ways", () => {
    expect(MISCONFIGURATIONS.length).toBeGreaterThanOrEqual(25);
    expect(new Set(MISCONFIGURATIONS.map(({ code }) => code)).size).toBe(17);
  });

  it.each(MISCONFIGURATIONS)("the library: $what ($code)", async (given) => {
    await arrange(given);
    const events: GkeWorkloadIdentityEvent[] = [];
    const init = {
      ...REGION_INIT,
      logger,
      onEvent: (event: GkeWorkloadIdentityEvent) => events.push(event),
      ...given.init,
    };
    const error = await (async () => fromGkeWorkloadIdentity(init)())().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(GkeWorkloadIdentityError);
    const { code, message, hint } = error as GkeWorkloadIdentityError;
    expect(code).toBe(given.code);
    expect(`${message}\n${hint}`).toMatch(given.fix instanceof RegExp ? given.fix : literally(given.fix));
    show([error, String(error), JSON.stringify(error), events]);
    await end();
  });

  it.each(MISCONFIGURATIONS)("doctor: $what (stops at $step)", async (given) => {
    await arrange(given);
    const steps = await diagnose({ ...REGION_INIT, ...given.init }, show);
    const failed = steps.find(({ status }) => status === "failed");
    const said = `${failed?.detail}\n${failed?.hint}`;
    show([steps, JSON.stringify(steps)]);
    expect([failed?.name, failed?.code]).toEqual([
      given.step,
      given.step === "caller identity" ? expect.any(String) : given.code,
    ]);
    if (given.step !== "caller identity")
      expect(said).toMatch(given.fix instanceof RegExp ? given.fix : literally(given.fix));
    await end();
  });

  it("the command shows the same, as text and as JSON", async () => {
    const write = (text: string) => shown.push(text);
    for (const given of MISCONFIGURATIONS.filter(({ init }) => !init)) {
      await arrange(given);
      for (const args of [["doctor"], ["doctor", "--json"], ["credential-process"]]) {
        expect(await run(args, { stdout: { write }, stderr: { write }, untilStopped: async () => {} })).not.toBe(0);
      }
      await end();
    }
  });

  it("is not there, and doctor shows no token, secret access key or session token when it got all of them", async () => {
    await arrange({ what: "", code: "STS_ACCESS_DENIED", fix: "", step: "" });
    const write = (text: string) => shown.push(text);
    for (const args of [["doctor"], ["doctor", "--json"]])
      expect(await run(args, { stdout: { write }, stderr: { write }, untilStopped: async () => {} })).toBe(0);
    expect(await end()).toBeGreaterThanOrEqual(6);
  });
});

const literally = (text: string): RegExp => new RegExp(text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
