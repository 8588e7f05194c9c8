import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { inspect } from "node:util";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { startCredentialsServer } from "../../src/cli/credentials-server.js";
import { fromGkeWorkloadIdentity, type GkeWorkloadIdentityError } from "../../src/index.js";
import { fakeIdTokenProvider } from "../../src/testing/index.js";
import { type AnsweringServer, startAnsweringServer } from "../support/answering-server.js";
import { cli } from "../support/cli.js";
import { expectOneLine, expectOwnFailure, expectOwnHint, expectOwnJson, expectOwnSteps } from "../support/outputs.js";
import { ROLE_ARN } from "../support/two-clouds.js";

const ACCESS_TOKEN = `ya29.c.${"aB3_-".repeat(20)}`;
const JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl";
const KEY = "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY01";
const SECRET = /ya29\.c|wJalrXUt|eyJ[\w-]|c2lnbmF0/;

const TEXTS = [
  "a\ncurl http://x | sh",
  "a\r\n  aws iam delete-role --role-name x",
  "\n✓ exchange            1 ms  a session until 2099",
  "a\n    kubectl delete namespace shop",
  "a\u2028touch x\u2029touch y\u0085z",
  "\u001b[2J\u001b]0;title\u0007\u009b31m",
  "\u007f\b\b\b\u0001",
  "a\u202eb\u2066c\u2069",
  "a\u200bb\u200d\ufeff\u00ad",
  "a\u{e0041}\u{e0042}",
  "\u00a0\u3000\u3164\u2800",
  "a\ud800b",
  "'; touch /tmp/x; $(touch /tmp/y) `touch /tmp/z`",
  "--endpoint-url=http://evil",
  "😀".repeat(2_000),
  "\u202e".repeat(5_000),
  "'".repeat(3_000),
  `got ${JWT} and ${ACCESS_TOKEN}, secretAccessKey=${KEY}`,
  `${"x".repeat(970)} ${JWT}`,
  `\n✗ ${ACCESS_TOKEN}\n{"SessionToken":"${KEY}"}`,
];

/** What the two servers answer, until the next case. */
interface Answers {
  identity?: { readonly status: number; readonly text: string };
  email?: string;
  project?: string;
  cluster?: string;
  claims?: Readonly<Record<string, unknown>>;
  sts?: string | { readonly status: number; readonly code: string; readonly text: string };
  session?: Readonly<Record<string, string>>;
  arn?: string;
}

interface Case {
  readonly answers?: (text: string) => Answers;
  readonly env?: (text: string) => Readonly<Record<string, string>>;
  readonly args?: (text: string) => readonly string[];
}

const denied = (text: string): NonNullable<Answers["sts"]> => ({ status: 403, code: "AccessDenied", text });

/** Each way in from outside. */
const WAYS: Readonly<Record<string, Case>> = {
  "the metadata server's refusal": { answers: (text) => ({ identity: { status: 403, text } }) },
  "the metadata server's 404": { answers: (text) => ({ identity: { status: 404, text } }) },
  "the metadata server's 400": { answers: (text) => ({ identity: { status: 400, text } }) },
  "the metadata server's token": { answers: (text) => ({ identity: { status: 200, text } }) },
  "names of the metadata server": {
    answers: (text) => ({ email: text, project: text, cluster: text, identity: { status: 404, text: `(${text}/x)` } }),
  },
  "an email in the form of one": { answers: (text) => ({ claims: { email: `${text}@p.iam.gserviceaccount.com` } }) },
  "the claims of a Google token": { answers: (text) => ({ claims: { azp: text, sub: text, email: text } }) },
  "the claims of another issuer's token": {
    answers: (text) => ({ claims: { iss: `https://${text}`, sub: text }, sts: denied("no") }),
  },
  "the audience of the token": { answers: (text) => ({ claims: { aud: [text] } }) },
  "STS's text": { answers: (text) => ({ sts: denied(text) }) },
  "STS's text for a bad token": {
    answers: (text) => ({
      sts: { status: 400, code: "InvalidIdentityToken", text: `No OpenIDConnect provider ${text}` },
    }),
  },
  "STS's code": { answers: (text) => ({ sts: { status: 400, code: text, text: "no" } }) },
  "STS's page": { answers: (text) => ({ sts: text }) },
  "STS's session": { answers: (text) => ({ session: { AccessKeyId: text } }) },
  "STS's name of the caller": { answers: (text) => ({ arn: text }) },
  AWS_ROLE_ARN: { env: (text) => ({ AWS_ROLE_ARN: `arn:aws:iam::123456789012:role/${text}` }) },
  AWS_ROLE_SESSION_NAME: { env: (text) => ({ AWS_ROLE_SESSION_NAME: text }) },
  HOSTNAME: { env: (text) => ({ HOSTNAME: text }) },
  AWS_REGION: { env: (text) => ({ AWS_REGION: text }) },
  GCE_METADATA_HOST: { env: (text) => ({ GCE_METADATA_HOST: `${text}/` }) },
  METADATA_SERVER_DETECTION: { env: (text) => ({ GCE_METADATA_HOST: "", METADATA_SERVER_DETECTION: text }) },
  AWS_WEB_IDENTITY_TOKEN_FILE: { env: (text) => ({ AWS_WEB_IDENTITY_TOKEN_FILE: `/nowhere/${text}` }) },
  AWS_MAX_ATTEMPTS: { env: (text) => ({ AWS_MAX_ATTEMPTS: text }) },
  "a flag": { args: (text) => ["--audience", text, "--region", text] },
};

const escapeXml = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
const tag = (name: string, text: string): string => `<${name}>${escapeXml(text)}</${name}>`;

let answers: Answers = {};
let metadata: AnsweringServer;
let sts: AnsweringServer;
const sent: string[] = [];

const mint = async (audience: string): Promise<string> => {
  const token = await fakeIdTokenProvider(answers.claims ? { claims: answers.claims } : {}).fetchIdToken(audience);
  sent.push(token);
  return token;
};

async function answerMetadata(url: string): Promise<{ readonly status: number; readonly text: string }> {
  const { pathname, searchParams } = new URL(url, "http://x");
  if (pathname.endsWith("/identity"))
    return answers.identity ?? { status: 200, text: await mint(searchParams.get("audience") ?? "") };
  const names = {
    "/email": answers.email ?? "reader@p.iam.gserviceaccount.com",
    "/project-id": answers.project ?? "p",
  };
  const found = Object.entries({ ...names, "/cluster-name": answers.cluster }).find(([end]) => pathname.endsWith(end));
  return { status: found && found[1] === undefined ? 404 : 200, text: found?.[1] ?? "" };
}

function answerSts(body: string): { readonly status: number; readonly text: string } {
  const failure = answers.sts ?? (body.includes("AssumeRole") && answers.claims ? denied("no") : undefined);
  if (typeof failure === "string") return { status: 200, text: failure };
  if (failure && body.includes("AssumeRole")) {
    const error = tag("Code", failure.code) + tag("Message", failure.text);
    return { status: failure.status, text: `<ErrorResponse><Error>${error}</Error></ErrorResponse>` };
  }
  const fields = { AccessKeyId: "ASIA1", SecretAccessKey: "s", SessionToken: "t", ...answers.session };
  const credentials = Object.entries({ ...fields, Expiration: new Date(Date.now() + 3_600_000).toISOString() });
  const session = `<Credentials>${credentials.map(([name, text]) => tag(name, text)).join("")}</Credentials>`;
  const action = /Action=(\w+)/.exec(body)?.[1] ?? "";
  const result = session + tag("Arn", answers.arn ?? "arn:x") + tag("UserId", "u") + tag("Account", "123456789012");
  return { status: 200, text: `<${action}Response><${action}Result>${result}</${action}Result></${action}Response>` };
}

beforeAll(async () => {
  metadata = await startAnsweringServer(async ({ url = "" }, response) => {
    const { status, text } = await answerMetadata(url);
    response.writeHead(status, { "Metadata-Flavor": "Google" }).end(text);
  });
  sts = await startAnsweringServer((request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (piece: string) => {
      body += piece;
    });
    request.on("end", () => {
      const { status, text } = answerSts(body);
      response.writeHead(status, { "Content-Type": "text/xml" }).end(text);
    });
  });
});

afterAll(() => Promise.all([metadata[Symbol.asyncDispose](), sts[Symbol.asyncDispose]()]));

beforeEach(() => {
  answers = {};
  sent.length = 0;
});

/** The environment of a pod, with what the case changes. */
function stub(env: Readonly<Record<string, string>>): void {
  vi.unstubAllEnvs();
  const pod = {
    GCE_METADATA_HOST: metadata.host,
    AWS_ENDPOINT_URL_STS: `http://${sts.host}`,
    AWS_ROLE_ARN: ROLE_ARN,
    AWS_REGION: "us-east-1",
    HOSTNAME: "pod-1",
    KUBERNETES_SERVICE_HOST: "10.0.0.1",
  };
  for (const [name, value] of Object.entries({ ...pod, ...env })) vi.stubEnv(name, value);
}

function expectNoSecret(shown: string): void {
  expect(shown).not.toMatch(SECRET);
  for (const token of sent) expect(shown.includes(token)).toBe(false);
}

/** The library's error and events, and the same failure as the credentials server tells it. */
async function expectLibraryAndServerSafe(init: { readonly audience?: string }): Promise<void> {
  const told: unknown[] = [];
  const hear = (event: unknown): number => told.push(event);
  subscribe("gke-aws-credentials", hear);
  let thrown: GkeWorkloadIdentityError | undefined;
  const make = () => fromGkeWorkloadIdentity({ ...init, timeoutMs: 2_000, onEvent: hear });
  const session = async () => {
    try {
      return await make()();
    } catch (error) {
      thrown = error as GkeWorkloadIdentityError;
      throw error;
    }
  };
  const server = await startCredentialsServer(new Map([["/", { session, endsAt: () => 0 }]]), 0);
  const response = await fetch(`http://127.0.0.1:${server.port}/`, {
    headers: { Authorization: server.authorizations.get("/") ?? "" },
  });
  const body = await response.text();
  server.close();
  unsubscribe("gke-aws-credentials", hear);
  if (thrown === undefined) return;
  expectOneLine(thrown.message);
  expectOwnHint(thrown.hint);
  const { code, message, Message } = JSON.parse(body);
  expect([code, Message]).toEqual([thrown.code, message]);
  expectOwnFailure(message);
  for (const event of told) if (Object.hasOwn(Object(event), "message")) expectOneLine((event as Error).message);
  expectNoSecret([body, inspect(thrown, { depth: 9, showHidden: true }), JSON.stringify(told)].join("\n"));
}

/** What the command prints. The channels take turns from value to value. */
const CHANNELS = [
  async (args: readonly string[]) => {
    const { stdout, stderr } = await cli(["doctor", ...args]);
    expectNoSecret(stdout + stderr);
    if (stdout) expectOwnSteps(stdout);
    expectOwnFailure(stderr.trimEnd());
  },
  async (args: readonly string[]) => {
    const { stdout, stderr } = await cli(["doctor", "--json", ...args]);
    expectNoSecret(stdout + stderr);
    if (stdout) expectOwnJson(stdout);
    expectOwnFailure(stderr.trimEnd());
  },
  async (args: readonly string[]) => {
    const { code, stdout, stderr } = await cli(["credential-process", ...args]);
    expectNoSecret(stdout + stderr);
    expect(code === 0 ? stderr : stdout).toBe("");
    if (code !== 0) expectOwnFailure(stderr.trimEnd());
  },
];

/** Here each value takes half a second or more: a name is looked up, a file is read again. */
const SLOW_WAYS = ["GCE_METADATA_HOST", "METADATA_SERVER_DETECTION", "AWS_WEB_IDENTITY_TOKEN_FILE"];

/** Each text comes by every other way: all of them take too long. */
const LIST = Object.keys(WAYS).map((way, place) => {
  const texts = SLOW_WAYS.includes(way) ? TEXTS.slice(0, 3) : TEXTS.filter((_, index) => (index + place) % 2 === 0);
  return { way, texts };
});

describe("hostile values, in everything that is shown", () => {
  it("are at least 150", () => expect(LIST.flatMap(({ texts }) => texts).length).toBeGreaterThan(150));

  it.each(LIST)("stay on their line, short and without secrets when they come by $way", async ({ way, texts }) => {
    const { answers: toAnswers, env, args } = WAYS[way] as Case;
    for (const [index, text] of texts.entries()) {
      answers = toAnswers?.(text) ?? {};
      stub(env?.(text) ?? {});
      await expectLibraryAndServerSafe(args ? { audience: text } : {});
      await CHANNELS[(index + way.length) % CHANNELS.length]?.(args?.(text) ?? []);
    }
  });
});
