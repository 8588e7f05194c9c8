import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runNode } from "../support/run-node.js";
import { type InstalledPackage, installPackage } from "./installed.js";

let app: InstalledPackage;
beforeAll(async () => {
  app = await installPackage();
});
afterAll(() => app[Symbol.asyncDispose]());

const REQUIRES = `
  const { fromGkeWorkloadIdentity, createTrustPolicy, GkeWorkloadIdentityError } = require("gke-aws-credentials");
  const { fakeIdTokenProvider, fakeRoleAssumer, startAwsSts, startGoogleMetadataServer } = require("gke-aws-credentials/testing");
  const { GetCallerIdentityCommand, STSClient } = require("@aws-sdk/client-sts");
  const roleArn = "arn:aws:iam::123456789012:role/reader";`;

const TESTS: Readonly<Record<string, string>> = {
  "fakes.test.js": `
    test("session", async () => {
      const credentials = fromGkeWorkloadIdentity({
        roleArn, idTokenProvider: fakeIdTokenProvider(), roleAssumerWithWebIdentity: fakeRoleAssumer(),
      });
      expect(await credentials()).toMatchObject({ accessKeyId: expect.stringMatching(/^ASIA/) });
    });
    test("error", () => {
      expect(() => fromGkeWorkloadIdentity({ roleArn: "nonsense" })).toThrow(GkeWorkloadIdentityError);
    });`,
  "sts.test.js": `
    let metadata, sts;
    beforeAll(async () => {
      metadata = await startGoogleMetadataServer();
      const trustPolicy = createTrustPolicy({ serviceAccountUniqueId: "111035977024964273138" });
      sts = await startAwsSts({ jwksUri: metadata.jwksUri, roles: [{ arn: roleArn, trustPolicy }] });
      process.env.AWS_ENDPOINT_URL_STS = sts.url;
    });
    afterAll(() => Promise.all([metadata.close(), sts.close()]));
    test("session", async () => {
      const idTokenProvider = { fetchIdToken: async (aud) => metadata.mintIdToken({ aud }) };
      const client = new STSClient({ region: "us-east-1", credentials: fromGkeWorkloadIdentity({ roleArn, idTokenProvider }) });
      const { Arn } = await client.send(new GetCallerIdentityCommand({}));
      expect(Arn).toMatch(/assumed-role\\/reader\\//);
      expect(sts.sessionCount()).toBe(1);
    });`,
};

const METADATA_TEST = `
  let metadata;
  beforeAll(async () => { metadata = await startGoogleMetadataServer(); });
  afterAll(() => metadata.close());
  test("session", async () => {
    process.env.GCE_METADATA_HOST = metadata.host;
    const credentials = fromGkeWorkloadIdentity({ roleArn, roleAssumerWithWebIdentity: fakeRoleAssumer() });
    await credentials().catch(({ code, message }) => { throw new Error(code + ": " + message); });
  });`;

describe("plain Jest, in CommonJS, without configuration", () => {
  it("runs the fakes, and startAwsSts with an ID token provider of its own, without flags of Node", async () => {
    for (const [name, body] of Object.entries(TESTS)) await app.write(name, REQUIRES + body);
    const jest = [resolve("node_modules/jest/bin/jest.js"), "--rootDir", app.directory];
    const { code, stderr } = await runNode(jest, { cwd: app.directory, limitMs: 60_000 });
    expect([code, stderr]).toEqual([0, expect.stringMatching(/Tests: +3 passed, 3 total/)]);
  });

  it("runs startGoogleMetadataServer with --experimental-vm-modules, and says so without it", async () => {
    await app.write("metadata.test.js", REQUIRES + METADATA_TEST);
    const jest = [resolve("node_modules/jest/bin/jest.js"), "--rootDir", app.directory, "metadata.test.js"];
    const run = (env: Record<string, string>) => runNode(jest, { cwd: app.directory, limitMs: 60_000, env });
    const [without, withFlag] = [await run({}), await run({ NODE_OPTIONS: "--experimental-vm-modules" })];
    expect(without).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/INVALID_CONFIGURATION.*--experimental-vm-modules/),
    });
    expect(withFlag).toMatchObject({ code: 0, stderr: expect.stringMatching(/Tests: +1 passed, 1 total/) });
  });

  it("meets no import() in the CommonJS build, which it could not run", async () => {
    for (const name of ["index.cjs", "testing.cjs"]) {
      const path = resolve(app.directory, "node_modules/gke-aws-credentials/dist", name);
      expect(await readFile(path, "utf8")).not.toMatch(/\bimport\(/);
    }
  });
});
