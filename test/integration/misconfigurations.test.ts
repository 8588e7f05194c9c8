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
  readonly sts?: Partial<AwsStsOptions>;
  readonly metadata?: GoogleMetadataServerOptions;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly init?: FromGkeWorkloadIdentityInit;
  readonly arrange?: (clouds: TwoClouds) => void | Promise<void>;
  /** What the hint, or the message, must hold: the command that fixes it, with real names. */
  readonly fix: string | RegExp;
}
type Codes = Readonly<Partial<Record<GkeWorkloadIdentityErrorCode, Readonly<Record<string, Misconfiguration>>>>>;

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

/** A request handler that fails as Node does. */
const failing = (code: string) =>
  ({ handle: async () => Promise.reject(Object.assign(new Error(`connect ${code}`), { code })) }) as never;

/** By the step where doctor stops, then by the error's code, then how the user got here. */
const BY_STEP: Readonly<Record<string, Codes>> = {
  configuration: {
    MISSING_ROLE_ARN: {
      "no role is named": {
        env: { AWS_ROLE_ARN: undefined },
        fix: "kubectl set env deployment/DEPLOYMENT AWS_ROLE_ARN=arn:aws:iam::ACCOUNT_ID:role/ROLE_NAME",
      },
    },
    INVALID_CONFIGURATION: {
      "AWS_ROLE_ARN is a role's name": {
        env: { AWS_ROLE_ARN: "reader" },
        fix: "AWS_ROLE_ARN must be the ARN of an IAM role",
      },
      "AWS_ROLE_ARN is a user's ARN": {
        env: { AWS_ROLE_ARN: "arn:aws:iam::123456789012:user/reader" },
        fix: 'got "arn:aws:iam::123456789012:user/reader"',
      },
      "AWS_ROLE_SESSION_NAME has a space": {
        env: { AWS_ROLE_SESSION_NAME: "my pod" },
        fix: "AWS_ROLE_SESSION_NAME must be 2 to 64 characters",
      },
      "the audience is empty": { init: { audience: "" }, fix: "audience must be a string that is not empty" },
      "the duration is below STS's least": { init: { durationSeconds: 60 }, fix: "from 900 to 43200" },
      "the session policy is not JSON": {
        init: { policy: "allow all" },
        fix: "policy must be an IAM policy document in JSON",
      },
    },
  },
  "metadata server": {
    NOT_ON_GOOGLE_CLOUD: {
      "the process is not on Google Cloud": { env: { GCE_METADATA_HOST: undefined }, fix: "METADATA_SERVER_DETECTION" },
    },
    METADATA_UNAVAILABLE: {
      "GCE_METADATA_HOST leads nowhere": {
        env: { GCE_METADATA_HOST: "127.0.0.1:1" },
        init: SOON,
        fix: "The variable GCE_METADATA_HOST names that server",
      },
      "something else answers at the metadata server's address": {
        arrange: ({ sts }) => void vi.stubEnv("GCE_METADATA_HOST", new URL(sts.url).host),
        init: SOON,
        fix: 'answered HTTP 400 without "Metadata-Flavor: Google"',
      },
      "the node's metadata server is not there": {
        arrange: ({ metadata }) => metadata.refuseConnections(),
        init: SOON,
        fix: "GCE_METADATA_HOST",
      },
    },
    METADATA_TIMEOUT: {
      "a NetworkPolicy drops packets to the metadata server": {
        arrange: ({ metadata }) => metadata.injectFault({ kind: "hang" }),
        init: SOON,
        fix: "GCE_METADATA_HOST",
      },
    },
  },
  "ID token": {
    METADATA_UNAVAILABLE: {
      "the node's metadata server keeps failing": {
        arrange: ({ metadata }) => metadata.injectFault({ kind: "status", status: 503 }),
        init: SOON,
        fix: "Service Unavailable",
      },
    },
    NO_GOOGLE_SERVICE_ACCOUNT: {
      "the Kubernetes service account is not annotated": {
        metadata: { serviceAccount: null },
        fix: `${ANNOTATE}GSA_NAME@example-project.iam.gserviceaccount.com`,
      },
      "the annotated Google service account does not exist": {
        arrange: ({ metadata }) => metadata.injectFault({ kind: "status", status: 404 }),
        fix: `gcloud iam service-accounts describe ${EMAIL}`,
      },
      "serviceAccountEmail names another account": {
        init: { serviceAccountEmail: "writer@example-project.iam.gserviceaccount.com" },
        fix: "gcloud iam service-accounts describe writer@example-project.iam.gserviceaccount.com",
      },
    },
    GOOGLE_PERMISSION_DENIED: {
      "roles/iam.workloadIdentityUser is missing": {
        arrange: ({ metadata }) => metadata.injectFault({ kind: "status", status: 403 }),
        fix: `gcloud iam service-accounts add-iam-policy-binding ${EMAIL} --role roles/iam.workloadIdentityUser --member 'serviceAccount:example-project.svc.id.goog[`,
      },
    },
    INVALID_ID_TOKEN: {
      "the metadata server answers with a page": {
        arrange: ({ metadata }) => metadata.injectFault({ kind: "garbage" }),
        fix: "not a JWT",
      },
      "this machine's clock is two hours ahead": {
        arrange: async () => void moveClockOnceServersRun(7_200_000),
        init: { idTokenProvider: { fetchIdToken: async () => oldToken() } },
        fix: "date -u",
      },
      "the idTokenProvider gives a token for another audience": {
        init: { idTokenProvider: { fetchIdToken: async () => oldToken({ aud: "gcp" }) } },
        fix: 'audience is "gcp"',
      },
    },
  },
  exchange: {
    STS_ACCESS_DENIED: {
      "the role does not exist": { sts: { roles: [] }, fix: "See whether the role exists in account 123456789012" },
      "the role trusts another service account": {
        sts: trusting({ "accounts.google.com:aud": OTHER_ID, "accounts.google.com:sub": OTHER_ID }),
        fix: TRUSTED,
      },
      "the role's policy has the wrong sub alone": {
        sts: trusting({ "accounts.google.com:sub": OTHER_ID }),
        fix: TRUSTED,
      },
      "the role's policy pins another audience": { sts: trusting({ "accounts.google.com:oaud": "gcp" }), fix: TRUSTED },
      "the pod has the node's service account": {
        metadata: { serviceAccount: NODES_ACCOUNT },
        fix: "The token is of the node's service account",
      },
      "the virtual machine has the default service account": {
        metadata: { serviceAccount: NODES_ACCOUNT },
        env: NOT_A_POD,
        fix: TRUSTED.replaceAll(UNIQUE_ID, OTHER_ID),
      },
    },
    STS_INVALID_TOKEN: {
      "AWS has an IAM OIDC provider for accounts.google.com": {
        arrange: stsAnswers("InvalidIdentityToken", "Incorrect token audience"),
        fix: "aws iam list-open-id-connect-providers",
      },
    },
    STS_EXPIRED_TOKEN: {
      "STS's clock and the token do not agree": {
        arrange: stsAnswers(
          "ExpiredTokenException",
          "Token expired: current date/time 2 must be before the expiration date/time1",
        ),
        fix: "date -u",
      },
    },
    INVALID_CONFIGURATION: {
      "the duration is above the role's maximum": {
        init: { durationSeconds: 7_200 },
        fix: "aws iam update-role --role-name reader --max-session-duration 7200",
      },
    },
    STS_POLICY_INVALID: {
      "the session policy is no IAM policy": { init: { policy: "{}" }, fix: "policyArns" },
      "the session policies are too large together": { arrange: stsAnswers("PackedPolicyTooLarge"), fix: "2048" },
    },
    STS_IDP_UNREACHABLE: {
      "STS cannot fetch Google's keys": {
        arrange: stsAnswers("InvalidIdentityToken", "Couldn't retrieve verification key from your identity provider"),
        init: SOON_AFTER_LOADING,
        fix: "stsRegions",
      },
    },
    STS_THROTTLED: {
      "the account is throttled": {
        arrange: stsAnswers("Throttling", "Rate exceeded"),
        init: { ...SOON_AFTER_LOADING, clientConfig: { region: "us-east-1", maxAttempts: 1 } },
        fix: "Share one provider",
      },
    },
  },
  "caller identity": {
    STS_INVALID_RESPONSE: {
      "this machine's clock is so far ahead that sessions look ended": {
        arrange: ({ sts }) => sts.injectFault({ kind: "expiredSession" }),
        fix: "date -u",
      },
    },
  },
  "STS endpoint": {
    INVALID_CONFIGURATION: {
      "the region is of another partition": {
        env: { AWS_REGION: "cn-north-1" },
        init: { clientConfig: {} },
        fix: "cn-north-1, in the partition aws-cn",
      },
    },
    STS_REGION_DISABLED: {
      "the region is not activated": {
        arrange: stsAnswers("RegionDisabledException"),
        fix: "aws account enable-region --region-name us-east-1",
      },
    },
    STS_UNREACHABLE: {
      "the region's name is mistyped": {
        init: { clientConfig: { region: "us-est-1", maxAttempts: 1, requestHandler: failing("ENOTFOUND") } },
        fix: "Check that name, and the DNS.",
      },
      "a firewall refuses connections to STS": {
        arrange: ({ sts }) => sts.refuseConnections(),
        init: { ...SOON_AFTER_LOADING, clientConfig: { region: "us-east-1", maxAttempts: 1 } },
        fix: "curl -sS",
      },
      "a proxy opens TLS with a certificate of its own": {
        init: {
          clientConfig: { region: "us-east-1", maxAttempts: 1, requestHandler: failing("SELF_SIGNED_CERT_IN_CHAIN") },
          ...SOON_AFTER_LOADING,
        },
        fix: "NODE_EXTRA_CA_CERTS",
      },
    },
    STS_INVALID_RESPONSE: {
      "AWS_ENDPOINT_URL_STS leads to a web page": {
        arrange: ({ sts }) => sts.injectFault({ kind: "garbage" }),
        fix: /AWS_ENDPOINT_URL_STS sends calls of STS to 127\.0\.0\.1:|env \| grep AWS_ENDPOINT_URL/,
      },
    },
  },
};
const MISCONFIGURATIONS = Object.entries(BY_STEP).flatMap(([step, codes]) =>
  Object.entries(codes).flatMap(([code, cases]) =>
    Object.entries(cases).map(([what, given]) => ({ what, step, code, ...given })),
  ),
);

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
    await arrange({ fix: "" });
    const write = (text: string) => shown.push(text);
    for (const args of [["doctor"], ["doctor", "--json"]])
      expect(await run(args, { stdout: { write }, stderr: { write }, untilStopped: async () => {} })).toBe(0);
    expect(await end()).toBeGreaterThanOrEqual(6);
  });
});

const literally = (text: string): RegExp => new RegExp(text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
