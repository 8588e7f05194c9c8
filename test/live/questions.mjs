// What the testing servers imitate, as questions to the metadata server and to STS. `npm run live` asks Google's and AWS's own
// in a Job, and the testing servers here. It needs Node alone, and it returns no token and no key.

const LIMIT_MS = 15_000;
/** A pod's metadata server starts some seconds after the pod. */
const START_LIMIT_MS = 60_000;
const IDENTITY = "instance/service-accounts/default/identity";
const AUDIENCE = "sts.amazonaws.com";
const JWT = /[\w-]{10,}\.[\w-]{10,}\.[\w-]*/g;

/** @typedef {"linked" | "unlinked" | "unbound" | "missing"} Pod Which Google service account the asking pod has. */
/**
 * @typedef {object} Place Where to ask, and which names to hide in the answers.
 * @property {string} metadataHost
 * @property {string} stsUrl
 * @property {string} roleArn
 * @property {string} namespace
 * @property {string} serviceAccount
 */
/** @typedef {{ status: number, headers: Headers, text: string }} Heard */
/**
 * @typedef {object} Asking
 * @property {(path: string, headers?: Record<string, string>) => Promise<Heard>} metadata
 * @property {(parameters?: Record<string, string>, token?: string) => Promise<Heard>} sts
 * @property {(audience: string) => Promise<string>} token
 * @property {string} roleArn
 */

/** @param {string} token @returns {Record<string, any>} */
const claimsOf = (token) => JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString());
/** @param {object} value */
const encode = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");

/** @param {Heard} heard @param {readonly string[]} names */
const told = ({ status, headers, text }, names) =>
  [status, ...names.map((name) => `${name}: ${headers.get(name) ?? "none"}`), text.trim()].join("; ");
/** @param {Heard} heard */
const fromMetadata = (heard) => told(heard, ["Metadata-Flavor", "Server", "Content-Type"]);
/** @param {Heard} heard */
const fromSts = ({ status, headers, text }) => {
  /** @param {string} name */
  const element = (name) => new RegExp(`<${name}>([^<]*)</${name}>`).exec(text)?.[1] ?? "none";
  const shown =
    status === 200
      ? `elements ${[...new Set([...text.matchAll(/<(\w+)/g)].map(([, name]) => name))].sort().join(" ")}; Provider ${element("Provider")}; Audience ${element("Audience")}`
      : `${element("Type")} ${element("Code")}: ${element("Message")}`;
  return told({ status, headers, text: shown }, ["Content-Type"]);
};

/** @param {(asking: Asking) => Promise<Heard>} ask */
const metadata = (ask) => async (/** @type {Asking} */ asking) => fromMetadata(await ask(asking));
/** @param {(asking: Asking) => Promise<Heard>} ask */
const sts = (ask) => async (/** @type {Asking} */ asking) => fromSts(await ask(asking));

/** @type {Readonly<Record<Pod, Readonly<Record<string, (asking: Asking) => Promise<string>>>>>} */
export const QUESTIONS = {
  linked: {
    "metadata server: email": metadata((it) => it.metadata("instance/service-accounts/default/email")),
    "metadata server: identity": metadata((it) => it.metadata(`${IDENTITY}?audience=${AUDIENCE}&format=full`)),
    "metadata server: identity for an audience that is a URL": metadata((it) =>
      it.metadata(`${IDENTITY}?audience=https%3A%2F%2Fexample.com%2F%3Fa%3Db`),
    ),
    "metadata server: identity without an audience": metadata((it) => it.metadata(IDENTITY)),
    "metadata server: identity with an empty audience": metadata((it) => it.metadata(`${IDENTITY}?audience=`)),
    "metadata server: identity without the header Metadata-Flavor": metadata((it) =>
      it.metadata(`${IDENTITY}?audience=${AUDIENCE}`, {}),
    ),
    "metadata server: identity of an unknown service account": metadata((it) =>
      it.metadata(`instance/service-accounts/nobody@example.com/identity?audience=${AUDIENCE}`),
    ),
    "metadata server: an unknown path": metadata((it) => it.metadata("instance/nothing")),
    "metadata server: names of the cluster's attributes": metadata((it) => it.metadata("instance/attributes/")),
    "ID token: header": async ({ token }) => {
      const header = JSON.parse(Buffer.from((await token(AUDIENCE)).split(".")[0] ?? "", "base64url").toString());
      return `${Object.keys(header).sort().join(" ")}; alg ${header.alg}; typ ${header.typ}`;
    },
    "ID token: claims": async ({ token }) => {
      const claims = claimsOf(await token(AUDIENCE));
      const { iss, aud, azp, sub, exp, iat } = claims;
      const same = azp === sub ? "azp equals sub" : "azp and sub differ";
      return `${Object.keys(claims).sort().join(" ")}; iss ${iss}; aud ${aud}; ${same}; ${exp - iat} s from iat to exp`;
    },
    "ID token: asked for twice": async ({ token }) => {
      const [first, second] = [await token("twice.example.com"), await later(1_100, () => token("twice.example.com"))];
      const left = Math.round((claimsOf(second).exp - Date.now() / 1000) / 60);
      return `${first === second ? "the same token" : "another token"}, with ${left} minutes left`;
    },
    "STS: a session": sts((it) => it.sts()),
    "STS: an ID token for another audience": sts(async (it) => it.sts({}, await it.token("other.example.com"))),
    "STS: a wrong signature": sts(async (it) => {
      const [header, claims, signature = ""] = (await it.token(AUDIENCE)).split(".");
      return it.sts({}, `${header}.${claims}.${signature.startsWith("A") ? "B" : "A"}${signature.slice(1)}`);
    }),
    "STS: expired, with a wrong signature": sts(async (it) => {
      const [header, claims = "", signature] = (await it.token(AUDIENCE)).split(".");
      const expired = { ...claimsOf(`.${claims}`), iat: 1_700_000_000, exp: 1_700_003_600 };
      return it.sts({}, `${header}.${encode(expired)}.${signature}`);
    }),
    "STS: an issuer that the account does not have": sts((it) => {
      const claims = {
        iss: "https://issuer.example.com",
        sub: "1",
        aud: AUDIENCE,
        iat: 1_700_000_000,
        exp: 4_000_000_000,
      };
      return it.sts({}, `${encode({ alg: "RS256", kid: "1", typ: "JWT" })}.${encode(claims)}.AAAA`);
    }),
    "STS: a string that is not a JWT": sts((it) => it.sts({}, "not-a-token")),
    "STS: a token of three characters": sts((it) => it.sts({}, "a.b")),
    "STS: a role that does not exist": sts((it) => it.sts({ RoleArn: `${it.roleArn}-that-does-not-exist` })),
    "STS: an ARN that is not an ARN": sts((it) => it.sts({ RoleArn: "not-an-arn-of-a-role-at-all" })),
    "STS: a session name with a colon": sts((it) => it.sts({ RoleSessionName: "a:b" })),
    "STS: DurationSeconds of 60": sts((it) => it.sts({ DurationSeconds: "60" })),
    "STS: DurationSeconds above the role's maximum": sts((it) => it.sts({ DurationSeconds: "43200" })),
    "STS: a policy that is not JSON": sts((it) => it.sts({ Policy: "{" })),
    "STS: a policy of 2049 characters": sts((it) => it.sts({ Policy: "{".padEnd(2049) })),
    "STS: an unknown action": sts((it) => it.sts({ Action: "Nothing" })),
    "STS: GetCallerIdentity without a signature": sts((it) => it.sts({ Action: "GetCallerIdentity" })),
  },
  unlinked: {
    "no Google service account: identity": metadata((it) => it.metadata(`${IDENTITY}?audience=${AUDIENCE}`)),
    "no Google service account: email": metadata((it) => it.metadata("instance/service-accounts/default/email")),
  },
  unbound: {
    "without roles/iam.workloadIdentityUser: identity": metadata((it) =>
      it.metadata(`${IDENTITY}?audience=${AUDIENCE}`),
    ),
  },
  missing: {
    "a Google service account that does not exist: identity": metadata((it) =>
      it.metadata(`${IDENTITY}?audience=${AUDIENCE}`),
    ),
  },
};

/** @template T @param {number} ms @param {() => Promise<T>} work */
const later = async (ms, work) => {
  await new Promise((resolve) => setTimeout(resolve, ms));
  return work();
};

/** @param {string} url @param {RequestInit} init @returns {Promise<Heard>} */
async function hear(url, init) {
  const response = await fetch(url, { redirect: "manual", signal: AbortSignal.timeout(LIMIT_MS), ...init });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

/**
 * Asks the questions of one pod.
 *
 * @param {Pod} pod
 * @param {Place} place
 * @returns {Promise<Record<string, string>>} An answer for each question: one line, equal wherever the same is answered.
 */
export async function askAll(pod, { metadataHost, stsUrl, roleArn, namespace, serviceAccount }) {
  /** @type {Asking["metadata"]} */
  const get = (path, headers = { "Metadata-Flavor": "Google" }) =>
    hear(`http://${metadataHost}/computeMetadata/v1/${path}`, { headers });
  const token = async (/** @type {string} */ audience) =>
    (await get(`${IDENTITY}?audience=${audience}&format=full`)).text.trim();
  const asking = {
    metadata: get,
    token,
    roleArn,
    sts: async (parameters = {}, webIdentityToken = "") => {
      const form = {
        ...{ Action: "AssumeRoleWithWebIdentity", Version: "2011-06-15", RoleArn: roleArn, RoleSessionName: "live" },
        ...{ WebIdentityToken: webIdentityToken || (await token(AUDIENCE)), ...parameters },
      };
      return hear(stsUrl, { method: "POST", body: new URLSearchParams(form) });
    },
  };
  await isThere(get);
  const project = (await get("project/project-id")).text;
  const email = (await get("instance/service-accounts/default/email")).text;
  const uniqueId = pod === "linked" ? claimsOf(await token(AUDIENCE)).sub : undefined;
  /** @type {readonly (readonly [string | undefined, string])[]} */
  const names = [
    [roleArn, "ROLE"],
    [pod === "linked" ? email : undefined, "EMAIL"],
    [uniqueId, "UNIQUE-ID"],
    [project, "PROJECT"],
    [`${namespace}/${serviceAccount}`, "NAMESPACE/NAME"],
  ];
  /** @param {string} answer */
  const hideNames = (answer) =>
    names
      .reduce((text, [value, name]) => (value ? text.replaceAll(value, name) : text), answer.replace(JWT, "TOKEN"))
      .replace(/\s+/g, " ");
  /** @type {Record<string, string>} */
  const answers = {};
  for (const [question, ask] of Object.entries(QUESTIONS[pod])) {
    answers[question] = await ask(asking).then(hideNames, (error) =>
      hideNames(`no answer: ${error.cause?.code ?? error.name}`),
    );
  }
  return answers;
}

/** @param {(path: string) => Promise<Heard>} get */
async function isThere(get) {
  const end = Date.now() + START_LIMIT_MS;
  for (;;) {
    const failure = await get("").then(
      () => undefined,
      (error) => error,
    );
    if (!failure) return;
    if (Date.now() > end)
      throw new Error(
        `The metadata server has not answered for ${START_LIMIT_MS / 1000} s: ${failure.cause?.code ?? failure.name}`,
      );
    await later(500, async () => {});
  }
}
