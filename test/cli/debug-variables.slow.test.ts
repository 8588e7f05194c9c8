import { describe, expect, it } from "vitest";
import { runNode } from "../support/run-node.js";
import { startTwoClouds } from "../support/two-clouds.js";

const GOOGLE = { GOOGLE_SDK_NODE_LOGGING: "*", GOOGLE_SDK_LOG_LEVEL: "debug", DEBUG: "*", DEBUG_AUTH: "1" };
/** With `http` and `net`, Node prints the headers of each request. The one that doctor signs has the session token in them. */
const LIBRARIES = "gaxios,gcp-metadata,google,https,fetch,undici";

describe("the command, under debug variables", () => {
  it.each([
    { command: "doctor", env: GOOGLE },
    { command: "doctor", env: { NODE_DEBUG: LIBRARIES } },
    { command: "credential-process", env: GOOGLE },
    { command: "credential-process", env: { NODE_DEBUG: `http,net,${LIBRARIES}` } },
  ])("shows no token and no key when $command runs with $env", async ({ command, env }) => {
    await using clouds = await startTwoClouds();
    const args = ["dist/cli.cjs", command, "--region", "us-east-1"];
    const { code, stdout, stderr } = await runNode(args, { env });
    expect([code, stderr.includes("eyJ")]).toEqual([0, false]);
    const result = command === "credential-process" ? JSON.parse(stdout) : undefined;
    const shown = stderr + (result === undefined ? stdout : Object.keys(result).join());
    const parts = clouds.metadata.issuedTokens.flatMap((token) => token.split("."));
    expect(parts.length).toBeGreaterThan(2);
    expect([...parts, ...clouds.sts.issuedSecrets()].filter((secret) => shown.includes(secret))).toEqual([]);
  });

  it("shows no password of a proxy", async () => {
    await using clouds = await startTwoClouds();
    const env = { ...GOOGLE, HTTP_PROXY: "http://user:hunter2@127.0.0.1:9" };
    const { stderr } = await runNode(["dist/cli.cjs", "doctor", "--region", "us-east-1"], { env });
    // The package for proxies did write there.
    expect([stderr.includes("https-proxy-agent"), stderr.includes("hunter2")]).toEqual([true, false]);
    expect(clouds.sts.requests).toEqual([]);
  });
});
