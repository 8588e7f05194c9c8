import type { RequestListener } from "node:http";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startAnsweringServer } from "../support/answering-server.js";
import { unsignedToken } from "../support/pod-token.js";
import { runNode } from "../support/run-node.js";

const MB = 1_000_000;
const outfile = join(import.meta.dirname, `../../node_modules/.cache/exchange-${process.pid}.mjs`);

// The source as it is now, in a process of its own, with the packages that are installed.
beforeAll(async () => {
  await build({
    stdin: {
      contents: `
        export { fromGkeWorkloadIdentity } from "./src/index.js";
        export { resolveOptions } from "./src/options/option-rules.js";
        export { createRoleAssumer } from "./src/sts/assume-role.js";
        export { preloadExchange } from "./src/sts/sts-client.js";`,
      resolveDir: ".",
      loader: "ts",
    },
    outfile,
    bundle: true,
    packages: "external",
    platform: "node",
    format: "esm",
  });
});

/** Runs a program that has `provide`, with STS and the token from this process. */
async function run(listener: RequestListener, program: string, env: NodeJS.ProcessEnv = {}, openFiles?: number) {
  await using server = await startAnsweringServer(listener);
  const exp = Math.floor(Date.now() / 1000) + 3600;
  const token = unsignedToken({
    iss: "https://accounts.google.com",
    aud: "sts.amazonaws.com",
    azp: "1",
    sub: "1",
    exp,
  });
  const source = `
    import { createRoleAssumer, fromGkeWorkloadIdentity, preloadExchange, resolveOptions } from ${JSON.stringify(pathToFileURL(outfile).href)};
    const provide = (init = {}) => fromGkeWorkloadIdentity({
      roleArn: "arn:aws:iam::123456789012:role/reader",
      idTokenProvider: { fetchIdToken: async () => ${JSON.stringify(token)} },
      ...init,
    });
    ${program}`;
  const variables = { AWS_ENDPOINT_URL_STS: `http://${server.host}`, AWS_REGION: "us-east-1", ...env };
  return await runNode(["--expose-gc", "--input-type=module", "--eval", source], {
    env: variables,
    limitMs: 60_000,
    ...(openFiles && { openFiles }),
  });
}
afterAll(async () => (await import("node:fs/promises")).rm(outfile, { force: true }));

const sessionXml = (seconds: number) =>
  `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>ASIA</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>${new Date(Date.now() + seconds * 1000).toISOString()}</Expiration></Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`;
const answers: RequestListener = (_, response) =>
  response.writeHead(200, { "Content-Type": "text/xml" }).end(sessionXml(3600));

describe("an answer that is too large", () => {
  const endless =
    (chunk: Buffer, headers: Record<string, string> = {}): RequestListener =>
    (_, response) => {
      response.writeHead(200, { "Content-Type": "text/xml", ...headers });
      const write = (): void => {
        while (!response.destroyed && response.write(chunk));
        if (!response.destroyed) response.once("drain", write);
      };
      write();
    };
  const whole =
    (body: Buffer, headers: Record<string, string> = {}): RequestListener =>
    (_, response) =>
      response.writeHead(200, { "Content-Type": "text/xml", ...headers }).end(body);

  it.each<[what: string, listener: RequestListener]>([
    ["a body without end", endless(Buffer.alloc(65_536, "<a>"))],
    ["400 MB of text", endless(Buffer.alloc(65_536, "x"), { "Content-Length": String(400 * MB) })],
    ["a compressed 100 MB", whole(gzipSync(Buffer.alloc(100 * MB)), { "Content-Encoding": "gzip" })],
    ["document types", whole(Buffer.from(`${"<!DOCTYPE a>".repeat(80_000)}<a/>`))],
    [
      "entities in entities",
      whole(Buffer.from('<!DOCTYPE a [<!ENTITY b "bbbbbbbb"><!ENTITY c "&b;&b;&b;&b;">]><a>&c;&c;</a>')),
    ],
    ["a text of 1 MB", whole(Buffer.from(`<a>${"x".repeat(MB)}</a>`))],
    ["200,000 levels of elements", whole(Buffer.from("<a>".repeat(200_000)))],
  ])("ends in STS_INVALID_RESPONSE with under 50 MB more memory when STS sends %s", async (_, listener) => {
    const { stdout, stderr } = await run(
      listener,
      `
      await import("@aws-sdk/client-sts"); await import("@aws-sdk/credential-providers");
      gc();
      const before = process.memoryUsage().rss;
      let most = 0;
      const timer = setInterval(() => { most = Math.max(most, process.memoryUsage().rss - before); }, 5);
      const error = await provide()().catch((reason) => reason);
      clearInterval(timer);
      console.log(JSON.stringify({ code: error.code, mb: Math.max(most, process.memoryUsage().rss - before) / 1e6 }));`,
    );
    expect(stderr).toBe("");
    const { code, mb } = JSON.parse(stdout) as { code: string; mb: number };
    expect(code).toBe("STS_INVALID_RESPONSE");
    expect(mb).toBeLessThan(50);
  });
});

describe("the end of the process", () => {
  it.each<[whose: string, callerClientConfig: string]>([
    ["this package", "undefined"],
    ["the calling client", "{ requestHandler: new NodeHttpHandler() }"],
  ])("comes within ten seconds when a call of STS hangs in a handler of %s and nobody waits", async (_, caller) => {
    let asked = 0;
    const hangs: RequestListener = () => {
      asked += 1;
    };
    const { stdout, code } = await run(
      hangs,
      `
      import { NodeHttpHandler } from "@smithy/node-http-handler";
      const assumeRole = createRoleAssumer(resolveOptions({}), () => {});
      assumeRole({
        token: "token",
        claims: {},
        roleArn: "arn:aws:iam::123456789012:role/reader",
        roleSessionName: "orders",
        regions: ["us-east-1"],
        callerClientConfig: ${caller},
        deadline: { remaining: () => 30_000 },
      }).catch(() => {});
      await preloadExchange();
      await new Promise((resolve) => setTimeout(resolve, 500));
      const end = performance.now();
      process.on("exit", () => console.log(Math.round(performance.now() - end)));`,
    );
    expect([code, asked]).toEqual([0, 1]);
    expect(Number(stdout)).toBeLessThan(10_500);
  });

  it("waits for an answer that somebody waits for", async () => {
    const late: RequestListener = (request, response) => setTimeout(() => answers(request, response), 700);
    const { stdout } = await run(late, `console.log((await provide()()).accessKeyId);`);
    expect(stdout.trim()).toBe("ASIA");
  });
});

describe("a machine that has no file descriptors left", () => {
  it("gets its session when there are some again, from the next region if need be", async () => {
    const program = `
      import { closeSync, openSync } from "node:fs";
      await provide()();
      // The connection of that call frees a descriptor when it is closed.
      while (process.getActiveResourcesInfo().includes("TCPSocketWrap")) await new Promise((resolve) => setTimeout(resolve, 5));
      const events = [];
      const inTwo = provide({ stsRegions: ["us-east-1", "us-west-2"], onEvent: (event) => events.push(event) });
      const files = [];
      try { for (;;) files.push(openSync("/dev/null")); } catch (error) { console.log(error.code); }
      const free = () => files.splice(0).forEach(closeSync);
      const failed = await provide({ timeoutMs: 500 })().catch((error) => error);
      console.log(failed.code, failed.retryable, failed.cause.code);
      setTimeout(free, 1000);
      console.log((await inTwo()).accessKeyId, events.some(({ type }) => type === "stsRegionFailover"));`;
    const { stdout } = await run(answers, program, {}, 60);
    expect(stdout.trim().split("\n")).toEqual(["EMFILE", "STS_UNREACHABLE true EMFILE", "ASIA true"]);
  });
});

describe("a package that is not there", () => {
  it("is named when it cannot be loaded", async () => {
    const program = `
      import { register } from "node:module";
      register("data:text/javascript," + encodeURIComponent(\`
        export const resolve = (name, context, next) =>
          name === "@aws-sdk/client-sts" ? Promise.reject(new Error("Cannot find package")) : next(name, context);\`));
      const error = await provide()().catch((reason) => reason);
      console.log(error.code, error.message);`;
    const { stdout } = await run(answers, program);
    expect(stdout).toMatch(/^INVALID_CONFIGURATION The package @aws-sdk\/client-sts could not be loaded/);
  });
});
