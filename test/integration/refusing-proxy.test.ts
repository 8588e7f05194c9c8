import { NodeHttpHandler } from "@smithy/node-http-handler";
import { HttpsProxyAgent } from "https-proxy-agent";
import { describe, expect, it } from "vitest";
import { diagnose } from "../../src/doctor/diagnosis.js";
import type { FromGkeWorkloadIdentityInit } from "../../src/index.js";
import { startAnsweringServer } from "../support/answering-server.js";
import { failureOf, provide } from "../support/provide.js";
import { startTwoClouds } from "../support/two-clouds.js";

/** A proxy that refuses every CONNECT with this status line and body. */
async function startRefusingProxy(status: string, body: string) {
  const proxy = await startAnsweringServer(() => {});
  const head = `HTTP/1.1 ${status}\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n`;
  proxy.server.on("connect", (_, socket) => socket.end(head + body));
  const httpsAgent = new HttpsProxyAgent(`http://${proxy.host}`);
  const init: FromGkeWorkloadIdentityInit = {
    clientConfig: {
      region: "us-east-1",
      maxAttempts: 1,
      endpoint: "https://sts.us-east-1.amazonaws.com",
      requestHandler: new NodeHttpHandler({ httpsAgent }),
    },
  };
  return { ...proxy, init };
}

const HTML = "<html><body>Refused by policy</body></html>";

describe("a proxy that refuses to connect to STS", () => {
  it.each([
    ["502 Bad Gateway", HTML],
    ["503 Service Unavailable", ""],
    ["403 Forbidden", HTML],
    ["403 Forbidden", `<!DOCTYPE html>${HTML}`],
    ["403 Filtered", "plain text"],
    ["407 Proxy Authentication Required", ""],
    ["401 Unauthorized", "{}"],
  ])("is STS_UNREACHABLE with the status in the message, for %s and the body %j", async (status, body) => {
    await using _ = await startTwoClouds();
    await using proxy = await startRefusingProxy(status, body);
    const { code, message, hint, cause } = await failureOf(provide(proxy.init));
    expect(code).toBe("STS_UNREACHABLE");
    expect(message).toContain(`HTTP status ${status.slice(0, 3)}`);
    expect(message).toContain(", without an id of AWS: a proxy may have answered");
    expect(message).toContain(`(${status.slice(4)})`);
    expect(`${message} ${(cause as Error).message}`).not.toMatch(/Unknown|hidden field/);
    // A proxy's 403 is no reason to change the role's trust policy.
    expect(hint).not.toContain("update-assume-role-policy");
  });

  it("is found by doctor at the step of STS's endpoint", async () => {
    await using _ = await startTwoClouds();
    await using proxy = await startRefusingProxy("403 Forbidden", HTML);
    const steps = await diagnose(proxy.init, () => {});
    expect(steps[5]).toMatchObject({ name: "STS endpoint", status: "failed", code: "STS_UNREACHABLE" });
  });
});
