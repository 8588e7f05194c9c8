import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { describe, expect, it, vi } from "vitest";
import { checkAudiencePinned, type Exchange } from "../../src/doctor/check-sts.js";
import { checkConfiguration } from "../../src/doctor/check-workload.js";
import { diagnose } from "../../src/doctor/diagnosis.js";
import { runStep, STEPS, type StepReport } from "../../src/doctor/step.js";
import { createTrustPolicy, type FromGkeWorkloadIdentityInit } from "../../src/index.js";
import { startDeadline } from "../../src/lib/time.js";
import {
  type AwsStsFault,
  fakeIdTokenProvider,
  fakeRoleAssumer,
  type GoogleMetadataFault,
  type GoogleMetadataServerOptions,
  type TrustPolicyDocument,
} from "../../src/testing/index.js";
import { createTokenSource } from "../../src/token/token-source.js";
import { startAnsweringServer } from "../support/answering-server.js";
import { cli } from "../support/cli.js";
import { startClusterCloud } from "../support/cluster-cloud.js";
import { ROLE_ARN, startTwoClouds, type TwoClouds, UNIQUE_ID } from "../support/two-clouds.js";
import { useDirectory } from "../support/use-directory.js";

const { Ajv } = createRequire(import.meta.url)("ajv") as typeof import("ajv");
const isDoctorJson = new Ajv().compile(JSON.parse(readFileSync("docs/doctor.schema.json", "utf8")));

const path = useDirectory();
const doctor = (...flags: string[]) => cli(["doctor", "--region", "us-east-1", ...flags]);
/** What `doctor --json` prints, which must follow the documented schema, and its exit code. */
async function doctorJson() {
  const { code, stdout } = await doctor("--json");
  const printed = JSON.parse(stdout) as { ok: boolean; steps: readonly StepReport[] };
  expect(isDoctorJson(printed)).toBe(true);
  return { code, ...printed };
}
const walk = (init: FromGkeWorkloadIdentityInit = {}, onStep: (step: StepReport) => void = () => {}) =>
  diagnose({ clientConfig: { region: "us-east-1" }, ...init }, onStep);
const statusesOf = (steps: readonly StepReport[]) => steps.map(({ status }) => status);
const ALL_OK = STEPS.map(() => "ok");

/** The article's policy: it looks at `aud` alone. */
const AUD_ALONE: TrustPolicyDocument = {
  Version: "2012-10-17",
  Statement: [
    {
      ...createTrustPolicy({ serviceAccountUniqueId: UNIQUE_ID }).Statement[0],
      Condition: { StringEquals: { "accounts.google.com:aud": UNIQUE_ID } },
    },
  ],
};

/** Answers for the metadata server, but names another account, as a machine with an identity of its own does. */
async function nameAnotherAccount({ metadata }: TwoClouds, email: string): Promise<AsyncDisposable> {
  const server = await startAnsweringServer(async (request, response) => {
    const path = request.url?.replace(/service-accounts\/[^/]+/, "service-accounts/default");
    const answer = await fetch(`${metadata.url}${path}`, { headers: { "Metadata-Flavor": "Google" } });
    const body = request.url?.endsWith("/email") ? email : await answer.text();
    response.writeHead(answer.status, { "Metadata-Flavor": "Google" }).end(body);
  });
  vi.stubEnv("GCE_METADATA_HOST", server.host);
  return server;
}

describe("doctor, where all is well", () => {
  it("says so on less than one screen, with exit code 0, and changes nothing at STS", async () => {
    await using clouds = await startTwoClouds();
    const { code, stdout, stderr } = await doctor();
    expect([code, stderr]).toEqual([0, ""]);
    const lines = stdout.trimEnd().split("\n");
    expect(lines).toHaveLength(9);
    for (const line of lines) expect(line).toMatch(/^✓ [\w ]{16} +\d+ ms {2}\S/);
    expect(stdout).toContain("reader@example-project.iam.gserviceaccount.com");
    expect(stdout).toContain("arn:aws:sts::123456789012:assumed-role/reader/orders-7d9f5b6c4-x2x8z");
    expect(stdout).toContain(`azp ${UNIQUE_ID}, sub ${UNIQUE_ID}, aud sts.amazonaws.com, for 60 more minutes`);
    const actions = new Set(clouds.sts.requests.map(({ action }) => action));
    expect(actions).toEqual(new Set(["GetCallerIdentity", "AssumeRoleWithWebIdentity"]));
  });

  it("prints JSON of its documented schema", async () => {
    await using _ = await startTwoClouds();
    const { code, ok, steps } = await doctorJson();
    expect([code, ok, statusesOf(steps)]).toEqual([0, true, ALL_OK]);
  });

  it("takes the flags of credential-process", async () => {
    await using clouds = await startTwoClouds();
    const { code } = await doctor(ROLE_ARN, "--session-name", "me", "--duration-seconds", "900");
    expect(code).toBe(0);
    const exchange = clouds.sts.requests.find(({ action }) => action === "AssumeRoleWithWebIdentity");
    expect(exchange?.parameters).toMatchObject({ RoleSessionName: "me", DurationSeconds: "900" });
  });

  it("leaves out what injected parts answer for", async () => {
    const injected = { idTokenProvider: fakeIdTokenProvider(), roleAssumerWithWebIdentity: fakeRoleAssumer() };
    const steps = await walk({ roleArn: ROLE_ARN, ...injected });
    const expected = "ok skipped skipped ok skipped skipped ok skipped warning";
    expect(statusesOf(steps).join(" ")).toBe(expected);
  });

  it("reports the steps in their documented order, once each, with how long they took", async () => {
    await using clouds = await startTwoClouds();
    clouds.metadata.injectFault({ kind: "latency", ms: 100 });
    const told: StepReport[] = [];
    const steps = await walk({}, (step) => told.push(step));
    expect([told.map(({ name }) => name), steps]).toEqual([STEPS, told]);
    expect(steps[3]?.durationMs).toBeGreaterThan(95);
  });

  it.each([
    [undefined, false],
    [false, false],
    [true, true],
  ])("uses colours when it is on a terminal with colours %s: %s", async (terminal, used) => {
    await using _ = await startTwoClouds();
    const { stdout } = await cli(["doctor", "--region", "us-east-1"], {}, terminal === undefined ? {} : { terminal });
    expect(stdout.includes("\u001b[32m✓\u001b[39m")).toBe(used);
    expect(stdout.includes("\u001b")).toBe(used);
  });
});

describe("doctor, where a link is broken", () => {
  it("stops there with exit code 1, and its JSON says what it did not reach", async () => {
    await using _ = await startTwoClouds({ roles: [] });
    const { code, ok, steps } = await doctorJson();
    expect([code, ok]).toEqual([1, false]);
    expect(statusesOf(steps).slice(5)).toEqual(["ok", "failed", "skipped", "skipped"]);
  });

  it("prints the cause and the commands under the step", async () => {
    await using _ = await startTwoClouds({ roles: [] });
    const { stdout } = await doctor();
    expect(stdout).toMatch(
      /\n✗ exchange +\d+ ms {2}STS_ACCESS_DENIED: STS at .* refused the role reader .*\n {4}1\. See whether the role exists in account 123456789012/,
    );
    expect(stdout).toMatch(/\n {7}aws iam get-role --role-name reader /);
    expect(stdout).toContain(`deleted and made again has a new unique id. This token's is ${UNIQUE_ID}.`);
    expect(stdout).not.toContain("caller identity");
  });
});

describe("a token that was made for another service", () => {
  it("is let in by a policy that checks aud alone, which doctor warns of, and is refused by ours", async () => {
    const replayed = { aud: "https://some-other-service.example" };
    const ours = createTrustPolicy({ serviceAccountUniqueId: UNIQUE_ID });
    for (const [trustPolicy, isLetIn] of [
      [AUD_ALONE, true],
      [ours, false],
    ] as const) {
      await using clouds = await startTwoClouds({ roles: [{ arn: ROLE_ARN, trustPolicy }] });
      const body = new URLSearchParams({
        Action: "AssumeRoleWithWebIdentity",
        Version: "2011-06-15",
        RoleArn: ROLE_ARN,
        RoleSessionName: "thief",
        WebIdentityToken: clouds.metadata.mintIdToken(replayed),
      });
      const answer = await fetch(clouds.sts.url, { method: "POST", body });
      expect(answer.status).toBe(isLetIn ? 200 : 403);

      const { code, steps } = await doctorJson();
      const pinned = steps.at(-1);
      expect([code, pinned?.status]).toEqual([0, isLetIn ? "warning" : "ok"]);
      if (!isLetIn) continue;
      expect(pinned?.detail).toContain("replay");
      expect(pinned?.hint).toContain(`npx gke-aws-credentials trust-policy --service-account-unique-id ${UNIQUE_ID}`);
    }
  });
});

interface Case {
  readonly metadata?: GoogleMetadataServerOptions;
  readonly metadataFault?: GoogleMetadataFault;
  readonly stsFault?: AwsStsFault;
  /** Of the fault of STS. */
  readonly times?: number;
  readonly init?: FromGkeWorkloadIdentityInit;
}

const pending = () => new Promise<never>(() => {});
const NEVER = { handle: pending, metadata: { handlerProtocol: "http/1.1" } };
const fakeRole = { roleArn: ROLE_ARN, roleAssumerWithWebIdentity: fakeRoleAssumer() };

/** A step in one line. */
const toLine = ({ status, code, detail }: StepReport): string => [status, code, detail].filter(Boolean).join(" ");

describe("doctor's other findings", () => {
  it.each<[what: string, given: Case, step: number, expected: RegExp, next?: RegExp]>([
    [
      "the metadata server names no account",
      { metadataFault: { kind: "garbage", body: "" } },
      2,
      /^warning the metadata server names none$/,
      /^failed INVALID_ID_TOKEN/,
    ],
    [
      "no Google service account is linked",
      { metadata: { serviceAccount: null } },
      2,
      /^warning none: it answers with the workload pool, example-project.svc.id.goog$/,
      /^failed NO_GOOGLE_SERVICE_ACCOUNT/,
    ],
    [
      "the account is the node's own",
      { metadata: { serviceAccount: { email: "1-compute@developer.gserviceaccount.com", uniqueId: UNIQUE_ID } } },
      2,
      /^warning .*the node's own/,
    ],
    [
      "the token names the account by its email",
      { init: { idTokenProvider: fakeIdTokenProvider({ claims: { azp: "reader@example.com" } }) } },
      3,
      /^warning .*azp reader@example.com/,
    ],
    [
      "role, session and audience are given",
      { init: { roleArn: ROLE_ARN, roleSessionName: "me", audience: "gcp" } },
      0,
      new RegExp(`^ok ${ROLE_ARN} as me, audience gcp$`),
    ],
    ["STS fails for a moment", { stsFault: { kind: "status", status: 503 }, times: 2 }, 5, /^ok /],
    ["STS answers with 503", { stsFault: { kind: "status", status: 503 } }, 5, /^failed STS_UNREACHABLE/],
    [
      "STS answers with a failure of its own",
      { stsFault: { kind: "error", code: "InternalFailure", status: 500 } },
      5,
      /^failed STS_UNREACHABLE/,
    ],
    [
      "the region is disabled",
      { stsFault: { kind: "error", code: "RegionDisabledException" } },
      5,
      /^failed STS_REGION_DISABLED/,
    ],
    [
      "STS answers with something else",
      { stsFault: { kind: "status", status: 200, body: "<Response><Result/></Response>" } },
      5,
      /^failed STS_INVALID_RESPONSE/,
    ],
    [
      "the answer of STS is too long",
      { stsFault: { kind: "status", status: 200, body: "x".repeat(2 ** 21) } },
      5,
      /^failed STS_INVALID_RESPONSE .*longer than 65536 bytes/,
    ],
    [
      "the clock of STS is years off",
      { stsFault: { kind: "status", status: 400, body: "<x/>", date: "Tue, 24 Nov 2020 12:00:00 GMT" } },
      5,
      /^failed CLOCK_SKEW/,
    ],
    [
      "the request handler never answers",
      { init: { timeoutMs: 300, clientConfig: { requestHandler: NEVER as never } } },
      5,
      /^failed STS_UNREACHABLE/,
    ],
    [
      "the region is never found",
      { init: { timeoutMs: 300, clientConfig: { region: pending } } },
      5,
      /^failed INVALID_CONFIGURATION/,
    ],
  ])("finds the right status, code and detail when %s", async (_, given, at, expected, next = /./) => {
    await using clouds = await startTwoClouds({}, given.metadata);
    if (given.metadataFault) clouds.metadata.injectFault(given.metadataFault);
    if (given.stsFault) clouds.sts.injectFault(given.stsFault, { times: given.times });
    const lines = (await walk(given.init)).map(toLine);
    expect(lines[at]).toMatch(expected);
    expect(lines[at + 1]).toMatch(next);
  });

  it("says that Cloud Build is not supported, whose metadata server has no ID tokens", async () => {
    await using clouds = await startTwoClouds({}, { clusterAttributes: {} });
    clouds.metadata.injectFault({ kind: "status", status: 404, body: "404 page not found" });
    const [, , , step] = await walk();
    const detail = "The metadata server of this platform gives no ID tokens: 404 page not found";
    expect(step).toMatchObject({ code: "NO_GOOGLE_SERVICE_ACCOUNT", detail });
    expect(step?.hint).toMatch(/^Cloud Build has no ID tokens\. It is not supported\./);
  });

  it.each([
    [30_000, "ok", /3[01] s ahead of/],
    [-120_000, "warning", /1(19|20) s behind/],
    [900_000, "failed", /90[01] s ahead of that of the metadata server/],
    [-900_000, "failed", /(899|900) s behind that of the metadata server/],
  ])("a clock that is %i ms off is %s", async (ms, status, detail) => {
    await using clouds = await startTwoClouds();
    const date = new Date(Date.now() - ms).toUTCString();
    clouds.metadata.injectFault({ kind: "date", date });
    const steps = await walk();
    const clock = steps.find(({ name }) => name === "clock");
    expect([clock?.status, clock?.code]).toEqual([status, status === "failed" ? "CLOCK_SKEW" : undefined]);
    expect(clock?.detail).toMatch(detail);
  });

  it("a region that nobody configured is a warning", async () => {
    await using _ = await startTwoClouds();
    const { code, stdout } = await cli(["doctor"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /! STS endpoint .*us-east-1, the default, because no region is configured\n {4}Set AWS_REGION/,
    );
  });

  it("that a random audience could not be tried is a warning", async () => {
    await using _ = await startTwoClouds();
    const token = await fakeIdTokenProvider().fetchIdToken("sts.amazonaws.com");
    const steps = await walk({ ...fakeRole, idTokenProvider: { fetchIdToken: async () => token } });
    expect(steps.at(-1)).toMatchObject({ status: "warning", detail: "could not be tried: INVALID_ID_TOKEN" });
  });

  it("a role that takes no token for another audience is fine, whichever way STS says so", async () => {
    await using _ = await startTwoClouds();
    for (const name of ["AccessDenied", "InvalidIdentityToken"]) {
      const assumer = fakeRoleAssumer();
      const onlyTheFirst: typeof assumer = Object.assign(async (params: Parameters<typeof assumer>[0]) => {
        if (assumer.calls.length === 1) assumer.failWith(Object.assign(new Error("no"), { name }));
        return assumer(params);
      }, assumer);
      const steps = await walk({ roleAssumerWithWebIdentity: onlyTheFirst });
      expect(steps.at(-1)).toMatchObject({ status: "ok", detail: "a token for another audience is refused" });
    }
  });

  it("waits as long as the library for a step, or as long as the user says", () => {
    const limits = [undefined, 300].map(
      (timeoutMs) => checkConfiguration({ roleArn: ROLE_ARN, timeoutMs }).facts.options.timeoutMs,
    );
    expect(limits).toEqual([30_000, 300]);
  });

  it("finds the chain whole when both servers refuse connections in a pod's first seconds", async () => {
    await using clouds = await startTwoClouds();
    await Promise.all([clouds.metadata.refuseConnections(), clouds.sts.refuseConnections()]);
    const walking = walk({}, ({ name }) => {
      if (name === "clock") setTimeout(() => clouds.sts.acceptConnections(), 500);
    });
    setTimeout(() => clouds.metadata.acceptConnections(), 500);
    expect(statusesOf(await walking)).toEqual(ALL_OK);
  });

  it("off Google Cloud fails at the metadata server, and says what it judges by", async () => {
    const steps = await walk({ roleArn: ROLE_ARN });
    expect(steps[1]).toMatchObject({
      status: "failed",
      code: "NOT_ON_GOOGLE_CLOUD",
      detail: expect.stringContaining("METADATA_SERVER_DETECTION is none"),
    });
  });

  it("fails at a metadata server that refuses connections", async () => {
    await using clouds = await startTwoClouds();
    await clouds.metadata.refuseConnections();
    const steps = await walk({ timeoutMs: 300 });
    expect(steps[1]).toMatchObject({ status: "failed", code: "METADATA_UNAVAILABLE" });
  });

  it("fails where STS refuses a request that is signed with the session, and repeats no session token", async () => {
    await using clouds = await startTwoClouds();
    const steps = await walk({}, ({ name }) => {
      if (name !== "exchange") return;
      const message = `no: ${clouds.sts.issuedSecrets().join(" ")}`;
      clouds.sts.injectFault({ kind: "error", code: "AccessDenied", message });
    });
    expect(steps[7]).toMatchObject({ name: "caller identity", status: "failed", code: "STS_ACCESS_DENIED" });
    expect(JSON.stringify(steps)).not.toContain(clouds.sts.issuedSecrets()[1]);
  });

  it("tells the logger of clientConfig nothing of its own calls", async () => {
    await using _ = await startTwoClouds();
    const told: unknown[] = [];
    const log = (...content: unknown[]) => void told.push(...content);
    const logger = { trace: log, debug: log, info: log, warn: log, error: log };
    const steps = await walk({ clientConfig: { region: "us-east-1", logger } });
    expect(statusesOf(steps)).toEqual(ALL_OK);
    expect(JSON.stringify(told)).not.toContain("GetCallerIdentity");
    expect(JSON.stringify(told)).toContain("AssumeRoleWithWebIdentity");
  });

  it("a clock of STS that is two minutes off is a warning, after which the walk goes on", async () => {
    await using clouds = await startTwoClouds();
    const date = new Date(Date.now() + 120_000).toUTCString();
    clouds.sts.injectFault({ kind: "status", status: 400, body: "<x/>", date }, { times: 1 });
    const steps = await walk();
    expect(steps[5]).toMatchObject({
      name: "STS endpoint",
      status: "warning",
      detail: expect.stringMatching(/1(19|20) s behind that of STS/),
    });
    expect(steps[6]).toMatchObject({ name: "exchange", status: "ok" });
  });

  it("an error that is none of this package's is thrown, since it is a bug", async () => {
    await using _ = await startTwoClouds();
    const bug = new TypeError("a bug");
    const throwBug = () => {
      throw bug;
    };
    await expect(walk({}, throwBug)).rejects.toBe(bug);
    await expect(runStep("clock", throwBug)).rejects.toBe(bug);
    const setup = checkConfiguration({ roleArn: ROLE_ARN }).facts;
    const idToken = await createTokenSource(setup.options)(startDeadline(5_000));
    const exchange = { assumeRoleWith: throwBug } as unknown as Exchange;
    await expect(checkAudiencePinned(setup, idToken, exchange)).rejects.toBe(bug);
  });

  it("the settings of clientConfig and clientPlugins are those of its own calls", async () => {
    await using _ = await startTwoClouds();
    let seen = 0;
    const plugin = {
      applyToStack: (stack: { add: (middleware: unknown, options: object) => void }) =>
        stack.add(
          (next: (args: unknown) => unknown) => (args: unknown) => {
            seen += 1;
            return next(args);
          },
          { step: "build" },
        ),
    };
    const steps = await walk({ clientPlugins: [plugin as never], clientConfig: { region: "eu-west-1" } });
    expect(statusesOf(steps)).toEqual(ALL_OK);
    expect(seen).toBe(4);
  });

  it("fails when the token is of another account than the metadata server names", async () => {
    await using clouds = await startTwoClouds();
    await using _ = await nameAnotherAccount(clouds, "orders@example-project.iam.gserviceaccount.com");
    const { code, steps } = await doctorJson();
    expect(code).toBe(1);
    expect(steps[3]).toMatchObject({
      status: "failed",
      code: "WRONG_IDENTITY",
      detail:
        "the token is of reader@example-project.iam.gserviceaccount.com, but this workload is orders@example-project.iam.gserviceaccount.com",
      hint: expect.stringContaining("env | grep -iE 'proxy|GCE_METADATA'"),
    });
    expect(clouds.sts.requests).toEqual([]);
  });

  it("fails when the token is of another account than serviceAccountEmail names", async () => {
    await using clouds = await startTwoClouds();
    await using _ = await nameAnotherAccount(clouds, "");
    const steps = await walk({ serviceAccountEmail: "orders@example.iam.gserviceaccount.com" });
    expect(steps[3]).toMatchObject({ status: "failed", code: "WRONG_IDENTITY" });
  });

  const ISSUERS: readonly [iss: string | undefined, owner: string][] = [
    ["https://accounts.google.com", "Google's: azp"],
    ["accounts.google.com", "Google's: azp"],
    ["https://container.googleapis.com/v1/projects/p/locations/l/clusters/c", "a GKE cluster's: sub"],
    ["https://oidc.eks.eu-west-1.amazonaws.com/id/ABC", "an EKS cluster's: sub"],
    ["https://eastus.oic.prod-aks.azure.com/a/b/", "an AKS cluster's: sub"],
    ["https://accounts.google.com.example", "another issuer's: sub"],
    [undefined, "of an issuer that it does not name: sub"],
  ];
  it.each(ISSUERS)("says whose the token is and what the role must trust when the issuer is %s", async (iss, owner) => {
    const steps = await walk({ ...fakeRole, idTokenProvider: fakeIdTokenProvider({ claims: { iss } }) });
    const isGoogle = owner.startsWith("Google");
    const trusted = isGoogle ? "accounts.google.com" : `the IAM OIDC provider ${iss?.replace("https://", "")}`;
    expect(steps[3]?.detail).toMatch(new RegExp(`^${owner}`));
    expect(steps[3]?.detail).toContain(`the role must trust ${iss === undefined ? "that issuer" : trusted}`);
    expect(steps.at(-1)?.detail.startsWith("not tried: IAM refuses")).toBe(!isGoogle);
  });
});

/** What was not asked or tried is not called good. */
const WITH_A_FILE = ["ok", "skipped", "skipped", "ok", "skipped", "ok", "ok", "ok", "skipped"];

describe("doctor, where the token comes from a file", () => {
  it("checks the chain without a metadata server, and names the provider that the role must trust", async () => {
    await using clouds = await startClusterCloud();
    const { code, steps } = await doctorJson();
    expect([code, statusesOf(steps)]).toEqual([0, WITH_A_FILE]);
    expect(steps.map(({ detail }) => detail)).toEqual([
      expect.any(String),
      `not asked: the token comes from the file ${clouds.token.file}`,
      "not asked: the one that the token in the file names",
      expect.stringMatching(
        /^a GKE cluster's: sub system:serviceaccount:shop:orders, aud sts.amazonaws.com, for \d+ more minutes; the role must trust the IAM OIDC provider container.googleapis.com\/v1\//,
      ),
      "not checked: no Date header of the metadata server to compare with",
      expect.stringContaining("region us-east-1"),
      expect.stringContaining("a session until"),
      "arn:aws:sts::123456789012:assumed-role/orders/orders-7d9f5b6c4-x2x8z",
      "not tried: IAM refuses each audience that its OIDC provider does not list",
    ]);
  });

  it("fails at the token when the file is not there", async () => {
    await using _ = await startClusterCloud();
    vi.stubEnv("AWS_WEB_IDENTITY_TOKEN_FILE", "/nowhere/token");
    const { code, steps } = await doctorJson();
    expect([code, steps[3]?.status, steps[3]?.code]).toEqual([1, "failed", "WEB_IDENTITY_TOKEN_FILE_MISSING"]);
  });

  it("tries no other audience when the file holds a Google ID token", async () => {
    await using clouds = await startTwoClouds();
    writeFileSync(path("token"), clouds.metadata.mintIdToken());
    const steps = await walk({ webIdentityTokenFile: path("token") });
    expect(statusesOf(steps)).toEqual(WITH_A_FILE);
    expect(steps[3]?.detail).toMatch(/^Google's: /);
    expect(steps.at(-1)?.detail).toBe("not tried: the file holds a token for one audience");
  });
});
