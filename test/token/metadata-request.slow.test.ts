import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { Readable } from "node:stream";
import { describe, expect, it } from "vitest";
import { startGoogleMetadataServer } from "../../src/testing/index.js";
import { runNode } from "../support/run-node.js";

const PROGRAM = `
import { fromGkeWorkloadIdentity } from ${JSON.stringify(join(import.meta.dirname, "../../dist/index.js"))};
const roleAssumerWithWebIdentity = async () => ({ accessKeyId: "A", secretAccessKey: "S", expiration: new Date(Date.now() + 3_600_000) });
const provider = fromGkeWorkloadIdentity({ roleArn: "arn:aws:iam::123456789012:role/reader", roleAssumerWithWebIdentity });
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

describe("an answer of 400 MB", () => {
  it("ends in an error with less than 50 MB more memory", async () => {
    const piece = Buffer.alloc(1_000_000, "x");
    const server = createServer((_, response) => {
      response.writeHead(200, { "Metadata-Flavor": "Google" });
      Readable.from(Array.from({ length: 400 }, () => piece)).pipe(response.on("error", () => {}));
    });
    await once(server.listen(0, "127.0.0.1"), "listening");
    const { stdout } = await run({ GCE_METADATA_HOST: `127.0.0.1:${(server.address() as AddressInfo).port}` });
    server.closeAllConnections();
    server.close();
    expect(stdout).toContain("DONE METADATA_UNAVAILABLE");
    // Loading the packages is part of it.
    expect(Number(/MiB (.*)/.exec(stdout)?.[1])).toBeLessThan(50);
  });
});
