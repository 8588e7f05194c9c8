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

describe("plain Jest, in CommonJS, without configuration or flags of Node", () => {
  it("runs the fakes, and startAwsSts with an ID token provider of its own", async () => {
    for (const [name, body] of Object.entries(TESTS)) await app.write(name, REQUIRES + body);
    const jest = [resolve("node_modules/jest/bin/jest.js"), "--rootDir", app.directory];
    const { code, stderr } = await runNode(jest, { cwd: app.directory, limitMs: 60_000 });
    expect([code, stderr]).toEqual([0, expect.stringMatching(/Tests: +3 passed, 3 total/)]);
  });

  it("meets no import() in the CommonJS build, which it could not run", async () => {
    for (const name of ["index.cjs", "testing.cjs"]) {
      const path = resolve(app.directory, "node_modules/gke-aws-credentials/dist", name);
      expect(await readFile(path, "utf8")).not.toMatch(/\bimport\(/);
    }
  });
});
