import { execFile } from "node:child_process";
import { resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runNode } from "../support/run-node.js";
import { startTwoClouds } from "../support/two-clouds.js";
import { type InstalledPackage, installPackage } from "./installed.js";

let app: InstalledPackage;
beforeAll(async () => {
  app = await installPackage();
});
afterAll(() => app[Symbol.asyncDispose]());

const HEAVY =
  /node_modules\/(google-auth-library|gcp-metadata|gaxios|@aws-sdk\/(client-sts|credential-providers|nested-clients))\//;

const PROGRAM = `
  const metadata = await startGoogleMetadataServer();
  const arn = "arn:aws:iam::123456789012:role/reader";
  const trustPolicy = createTrustPolicy({ serviceAccountUniqueId: "111035977024964273138" });
  const sts = await startAwsSts({ jwksUri: metadata.jwksUri, roles: [{ arn, trustPolicy }] });
  process.env.GCE_METADATA_HOST = metadata.host;
  process.env.AWS_ENDPOINT_URL_STS = sts.url;
  process.env.AWS_ROLE_ARN = arn;
  const client = new STSClient({ region: "us-east-1", credentials: fromGkeWorkloadIdentity() });
  const { Arn } = await client.send(new GetCallerIdentityCommand({}));
  let code, frames;
  try { fromGkeWorkloadIdentity({ durationSeconds: 1 }); } catch (error) {
    code = [error.code, error instanceof GkeWorkloadIdentityError, error.constructor.name];
    frames = String(error.stack).split("\\n").slice(1).join();
  }
  await Promise.all([metadata.close(), sts.close()]);
  console.log(JSON.stringify({ Arn, code, frames }));
`;
const NAMES = {
  "@aws-sdk/client-sts": "GetCallerIdentityCommand, STSClient",
  "gke-aws-credentials": "createTrustPolicy, fromGkeWorkloadIdentity, GkeWorkloadIdentityError",
  "gke-aws-credentials/testing": "startAwsSts, startGoogleMetadataServer",
};
const OUTCOME = {
  Arn: expect.stringMatching(/^arn:aws:sts::123456789012:assumed-role\/reader\//),
  code: ["INVALID_CONFIGURATION", true, "GkeWorkloadIdentityError"],
  // That of the program which gave the wrong option, and none of this package.
  frames: expect.stringMatching(/^ +at [^,]*app\.[cm]?[jt]s:\d+:\d+\)?$/),
};

describe("an application", () => {
  it("of ES modules gets its session, and then ends by itself", async () => {
    const imports = Object.entries(NAMES).map(([from, names]) => `import { ${names} } from "${from}";`);
    const file = await app.write(
      "app.mjs",
      `${imports.join("\n")}${PROGRAM}globalThis.done = performance.now();
      process.on("exit", () => console.error(performance.now() - globalThis.done));`,
    );
    const { code, stdout, stderr } = await runNode([file]);
    expect([code, JSON.parse(stdout)]).toEqual([0, OUTCOME]);
    expect(Number(stderr)).toBeLessThan(2_000);
  });

  it("of CommonJS gets its session", async () => {
    const requires = Object.entries(NAMES).map(([from, names]) => `const { ${names} } = require("${from}");`);
    const file = await app.write("app.cjs", `${requires.join("\n")}(async () => {${PROGRAM}})();`);
    const { code, stdout, stderr } = await runNode([file]);
    expect([code, stderr, JSON.parse(stdout)]).toEqual([0, "", OUTCOME]);
  });

  it("that has its session and nothing else to do ends by itself within a second, connections still open", async () => {
    await using clouds = await startTwoClouds();
    const file = await app.write(
      "idle.mjs",
      `import { fromGkeWorkloadIdentity } from "gke-aws-credentials";
       await fromGkeWorkloadIdentity({ clientConfig: { region: "us-east-1" } })();
       const done = performance.now();
       process.on("exit", () => console.log(performance.now() - done));`,
    );
    const { code, stdout } = await runNode([file]);
    expect([code, clouds.sts.sessionCount()]).toEqual([0, 1]);
    expect(Number(stdout)).toBeLessThan(1_000);
  });

  it("that holds both copies knows the errors of either, those of construction and those of a request", async () => {
    const file = await app.write(
      "both.mjs",
      `import { createRequire } from "node:module";
       import * as esm from "gke-aws-credentials";
       const cjs = createRequire(import.meta.url)("gke-aws-credentials");
       const roleArn = "arn:aws:iam::123456789012:role/reader";
       const idTokenProvider = { fetchIdToken: async () => "no token" };
       const errorsOf = async ({ fromGkeWorkloadIdentity }) => [
         await (async () => fromGkeWorkloadIdentity({ timeoutMs: -1 }))().catch((error) => error),
         await fromGkeWorkloadIdentity({ roleArn, idTokenProvider, stsRegions: ["us-east-1"] })().catch((error) => error),
       ];
       for (const [own, other] of [[esm, cjs], [cjs, esm]])
         for (const error of await errorsOf(own))
           console.log(
             error.code,
             error.constructor === own.GkeWorkloadIdentityError,
             error instanceof other.GkeWorkloadIdentityError,
             other.isGkeWorkloadIdentityError(error),
             error.constructor.name,
             error.stack.split(":")[0],
           );
       console.log(esm.GkeWorkloadIdentityError === cjs.GkeWorkloadIdentityError);`,
    );
    const of = (code: string) => `${code} true true true GkeWorkloadIdentityError GkeWorkloadIdentityError`;
    const each = [of("INVALID_CONFIGURATION"), of("INVALID_ID_TOKEN")];
    expect((await runNode([file])).stdout.trim().split("\n")).toEqual([...each, ...each, "false"]);
  });

  it.each(["node16", "nodenext", "bundler"] as const)(
    "of TypeScript compiles, strictly, with moduleResolution %s",
    async (moduleResolution) => {
      const imports = Object.entries(NAMES).map(([from, names]) => `import { ${names} } from "${from}";`);
      const source = `${imports.join("\n")}${PROGRAM.replace("let code;", "let code: unknown;").replace("catch (error)", "catch (error: any)")}`;
      const extension = moduleResolution === "bundler" ? "ts" : "mts";
      const file = await app.write(`${moduleResolution}/app.${extension}`, source);
      expect(await app.compile([file], moduleResolution)).toBe("");
    },
  );

  it("runs the command", async () => {
    const cli = resolve(app.directory, "node_modules/gke-aws-credentials/dist/cli.cjs");
    const { stdout } = await promisify(execFile)(cli, ["--version"]);
    expect(stdout.trim()).toMatch(/^\d+\.\d+\.\d+/);
  });
});

describe("importing the package", () => {
  // Static imports of ES modules show in a loader hook; whatever they pull in of CommonJS shows in require's cache.
  const trace = (body: string) => `
    import { createRequire, register } from "node:module";
    register("data:text/javascript," + encodeURIComponent(\`
      export async function load(url, context, next) { process._rawDebug("LOADED " + url); return next(url, context); }
    \`));
    const require = createRequire(import.meta.url);
    ${body}
    console.log("END");
    for (const path of Object.keys(require.cache)) process._rawDebug("LOADED " + path);
  `;
  const loadedBy = async (name: string, body: string): Promise<string[]> => {
    const file = await app.write(name, trace(body));
    const { code, stderr } = await runNode([file]);
    expect(code).toBe(0);
    return stderr.split("\n").filter((line) => line.startsWith("LOADED "));
  };

  it.each([
    ["import", 'await import("gke-aws-credentials");'],
    ["require", 'require("gke-aws-credentials");'],
    [
      "import and construction",
      'const { fromGkeWorkloadIdentity } = await import("gke-aws-credentials"); fromGkeWorkloadIdentity();',
    ],
  ])("by %s loads neither google-auth-library nor an STS client, nor any other package", async (name, body) => {
    const loaded = await loadedBy(`${name.replaceAll(" ", "-")}.mjs`, body);
    expect(loaded.join("\n")).toContain("node_modules/gke-aws-credentials/dist/index.");
    expect(loaded.filter((line) => HEAVY.test(line))).toEqual([]);
    expect(loaded.filter((line) => /node_modules\/(?!gke-aws-credentials\/dist)/.test(line))).toEqual([]);
    expect(loaded.join("\n")).not.toContain("dist/testing");
  });

  it.each([
    ["import", 'const { fromGkeWorkloadIdentity } = await import("gke-aws-credentials");'],
    ["require", 'const { fromGkeWorkloadIdentity } = require("gke-aws-credentials");'],
  ])("by %s, the first request is what loads them", async (name, body) => {
    const request =
      'await fromGkeWorkloadIdentity({ clientConfig: { region: "us-east-1" }, timeoutMs: 2000 })().catch(() => {});';
    const token = "process.env.METADATA_SERVER_DETECTION = 'bios-only';";
    const loaded = await loadedBy(`first-request-by-${name}.mjs`, `${body}${token}${request}`);
    expect(loaded.some((line) => /google-auth-library/.test(line))).toBe(true);
  });
});
