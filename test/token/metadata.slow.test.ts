import type { ServerResponse } from "node:http";
import { join } from "node:path";
import { Readable } from "node:stream";
import { brotliCompressSync, constants, deflateSync, gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { startGoogleMetadataServer } from "../../src/testing/index.js";
import { startAnsweringServer } from "../support/answering-server.js";
import { runNode } from "../support/run-node.js";

const PROGRAM = `
import { fromGkeWorkloadIdentity } from ${JSON.stringify(join(import.meta.dirname, "../../dist/index.js"))};
const roleAssumerWithWebIdentity = async () => ({ accessKeyId: "A", secretAccessKey: "S", expiration: new Date(Date.now() + 3_600_000) });
const provider = fromGkeWorkloadIdentity({ timeoutMs: 3_000, roleArn: "arn:aws:iam::123456789012:role/reader", roleAssumerWithWebIdentity });
const before = process.resourceUsage().maxRSS;
await provider().then(() => console.log("DONE"), (error) => console.log("DONE", error.code));
console.log("MiB", (process.resourceUsage().maxRSS - before) / 1_024);
`;
const run = (env: NodeJS.ProcessEnv) => runNode(["--input-type=module", "--eval", PROGRAM], { env, limitMs: 60_000 });

describe("debug variables", () => {
  it.each([
    { GOOGLE_SDK_NODE_LOGGING: "*", GOOGLE_SDK_LOG_LEVEL: "debug", DEBUG: "*", DEBUG_AUTH: "1" },
    { NODE_DEBUG: "http,https,net,fetch,undici,gaxios,gcp-metadata,google" },
    { NODE_DEBUG: "*" },
  ])("print neither the claims nor the signature of the token: %j", async (env) => {
    await using metadata = await startGoogleMetadataServer();
    const { stdout, stderr } = await run({ ...env, GCE_METADATA_HOST: metadata.host });
    expect(stdout).toContain("DONE");
    const [token = ""] = metadata.issuedTokens;
    const [, claims = "", signature = ""] = token.split(".");
    const hex = (text: string): string => (Buffer.from(text).toString("hex").match(/../g) ?? []).join(" ");
    for (const secret of [claims, signature, hex(claims.slice(0, 20)), hex(signature.slice(0, 20))]) {
      expect((stdout + stderr).includes(secret)).toBe(false);
    }
  });
});

const MB = 1_000_000;
const GOOGLE = { "Metadata-Flavor": "Google" };
const ZEROS = Buffer.alloc(100 * MB);
const piece = Buffer.alloc(MB, "x");

function* endless() {
  while (true) yield piece;
}

const hostile: Record<string, (response: ServerResponse) => void> = {
  "400 MB": (response) => Readable.from(Array.from({ length: 400 }, () => piece)).pipe(response),
  "a body without end": (response) => Readable.from(endless()).pipe(response),
  "a gzip bomb": (response) => response.setHeader("Content-Encoding", "gzip").end(gzipSync(ZEROS)),
  "a deflate bomb": (response) => response.setHeader("Content-Encoding", "deflate").end(deflateSync(ZEROS)),
  "a brotli bomb": (response) => response.setHeader("Content-Encoding", "br").end(brotliCompressSync(ZEROS, FAST)),
  "a redirect to itself": (response) => response.writeHead(302, { Location: "/" }).end(),
  "megabytes of headers": (response) => response.setHeader("X-Large", "x".repeat(4 * MB)).end(),
};
const FAST = { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } };

describe("an answer of the metadata server that is", () => {
  it.each(Object.entries(hostile))("%s ends in an error with less than 50 MB more memory", async (_, answer) => {
    await using server = await startAnsweringServer((_request, response) => {
      response.on("error", () => {});
      for (const [name, value] of Object.entries(GOOGLE)) response.setHeader(name, value);
      answer(response);
    });
    const { stdout } = await run({ GCE_METADATA_HOST: server.host });
    expect(stdout).toMatch(/^DONE METADATA_(UNAVAILABLE|TIMEOUT)$/m);
    // Loading the packages is part of it.
    expect(Number(/MiB (.*)/.exec(stdout)?.[1])).toBeLessThan(50);
  });
});
